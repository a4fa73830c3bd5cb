import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { type Browser, chromium } from 'playwright-core'

/** Where a Chromium is, by the names that systems give it; undefined where there is none. `CHROMIUM` names any other place. */
export function findChromium() {
  const { CHROMIUM, PATH = '' } = process.env
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
  const places = PATH.split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)))
  return [...(CHROMIUM ? [CHROMIUM] : []), ...places].find((path) => existsSync(path))
}

/** Starts Chromium without a window. Throws where there is none. */
export function startBrowser(): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath) throw new Error('There is no Chromium. apt-get install chromium brings it, or CHROMIUM names it.')
  // Chromium's own sandbox does not work for root, nor in most containers; it is shown nothing but our page.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}
