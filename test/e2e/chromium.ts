import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Where a Chromium is, by the names that systems give it; undefined where there is none. `CHROMIUM` names any other place. */
export function findChromium() {
  const { CHROMIUM, PATH = '' } = process.env
  if (CHROMIUM) return CHROMIUM
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
  const places = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return places.find((path) => existsSync(path))
}
