import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'

/** A change to the code: what stands between two places of a file, both counted from 1, is replaced. */
export type Mutant = { fileName: string; replacement: string; location: { start: Place; end: Place } }
type Place = { line: number; column: number }

const millisecondsForOneWorld = 60_000

/** The first simulated world in which a mutant is noticed, or where it never ends; undefined where none is. */
export function firstWorldThatNotices(mutant: Mutant, worlds: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL(import.meta.url), { workerData: { mutant, worlds } })
    let timer: NodeJS.Timeout
    const end = (noticed: string | undefined) => {
      clearTimeout(timer)
      void worker.terminate().then(() => resolve(noticed))
    }
    const restartTimer = () => {
      clearTimeout(timer)
      timer = setTimeout(() => end('it never ends'), millisecondsForOneWorld)
    }
    restartTimer()
    worker.on('message', (message: { noticed?: string; done?: true }) => {
      if (message.noticed !== undefined || message.done) end(message.noticed)
      else restartTimer()
    })
    worker.on('error', (error) => {
      clearTimeout(timer)
      reject(error)
    })
  })
}

/** A file's text with a mutant in it. */
function mutated(text: string, { location: { start, end }, replacement }: Omit<Mutant, 'fileName'>) {
  return text.slice(0, offset(text, start)) + replacement + text.slice(offset(text, end))
}

/** A mutant in words that stay the same while lines move: where, in which line, and what becomes what. */
export function words({ fileName, location, replacement }: Mutant) {
  const text = readFileSync(fileName, 'utf8')
  const before = text.slice(offset(text, location.start), offset(text, location.end))
  const line = text.split('\n')[location.start.line - 1]!
  return textOf({ file: relative(process.cwd(), fileName), line, mutant: `${before} → ${replacement}` })
}

export type Explained = { file: string; line: string; mutant: string }

export const textOf = ({ file, line, mutant }: Explained) =>
  [`file: ${file}`, `line: ${oneLine(line)}`, `mutant: ${oneLine(mutant)}`].join('\n')

const oneLine = (text: string) => text.replaceAll(/\s+/g, ' ').trim()

function offset(text: string, { line, column }: Place) {
  const before = text.split('\n').slice(0, line - 1)
  return before.reduce((sum, { length }) => sum + length + 1, 0) + column - 1
}

if (!isMainThread && workerData?.mutant) {
  Error.stackTraceLimit = 0
  const { mutant, worlds } = workerData as { mutant: Mutant; worlds: number }
  const target = pathToFileURL(mutant.fileName).href
  registerHooks({
    // The judge goes by the rules as they are.
    resolve(specifier, context, next) {
      const resolved = next(specifier, context)
      return context.parentURL?.endsWith('/invariants.ts') ? { ...resolved, url: `${resolved.url}?judge` } : resolved
    },
    load(url, context, next) {
      const loaded = next(url, context)
      return url === target ? { ...loaded, source: mutated(readFileSync(mutant.fileName, 'utf8'), mutant) } : loaded
    },
  })
  const { runWorld } = await import('../simulation/run.ts')
  for (let seed = 0; seed < worlds; seed++) {
    const { violations } = await runWorld({ seed })
    parentPort?.postMessage(violations[0] ? { noticed: `seed ${seed}: ${violations[0].invariant}` } : {})
    if (violations[0]) break
  }
  parentPort?.postMessage({ done: true })
}
