import { slowness } from './pace.ts'

/** Says at once what is being done, and every five seconds that it still is. Returns the way to stop. */
export function showProgress(doing: string, print: (line: string) => void) {
  const startedAt = Date.now()
  print(`${doing} …`)
  const saying = setInterval(() => {
    const seconds = Math.round((Date.now() - startedAt) / 1000)
    print(`… still working after ${seconds} s${inWords(slowness())}.`)
  }, 5000).unref()
  return () => clearInterval(saying)
}

const inWords = (times: number) =>
  times < 2 ? '' : `: this machine is ${Math.round(times)} times slower than a quiet one`
