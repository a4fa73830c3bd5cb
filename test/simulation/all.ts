import { availableParallelism } from 'node:os'
import { isMainThread, parentPort, Worker } from 'node:worker_threads'
import { type Bounds, type Explored, explore, firstPoints, type Point, scenarios, trace } from './small.ts'
import { variants } from './variants.ts'

/** A part of the small worlds: those of a scenario that begin with a departure, or none. */
type Task = { scenario: number; begin: Point[]; bounds: Bounds; variant?: number }

/** Plays every small world within bounds, on all cores, and says what came of them; false where one broke an invariant. */
export async function playAll(bounds: Bounds) {
  const begun = performance.now()
  const tasks = (await Promise.all(scenarios.map((_, scenario) => tasksOf(scenario, bounds)))).flat()
  let worlds = 0
  const more = { faults: 0, departures: 0 }
  let broken: (Task & Explored) | undefined
  await onAllCores(tasks, (task, explored) => {
    worlds += explored.worlds
    if (task.begin.length > 0) {
      more.faults += explored.oneFaultMore
      more.departures += explored.oneDepartureMore
    }
    if (explored.broken) broken ??= { ...task, ...explored }
    progress(`${worlds} worlds, ${tasks.length} parts left`)
    return !explored.broken
  })
  const seconds = Math.round((performance.now() - begun) / 1000)
  console.log(
    `${worlds} worlds of ${scenarios.length} messages in ${seconds} s: every one with at most ${bounds.faults} faults and ` +
      `${bounds.departures} departures from the usual order. With one fault more, coming last, there would be ${more.faults} ` +
      `more; with one departure more, ${more.departures}.`,
  )
  if (broken?.broken) {
    const scenario = scenarios[broken.scenario]!
    const { violations, departures } = broken.broken
    console.log(`\nMessage: ${scenario.name}`)
    for (const { invariant, detail } of violations) console.log(`  broken: ${invariant}: ${detail}`)
    for (const departure of departures) console.log(`  departs: ${departure}`)
    for (const { at, who, what } of await trace(scenario, departures))
      console.log(`  ${new Date(at).toISOString().slice(11, 23)}  ${who.padEnd(18)} ${what}`)
    return false
  }
  console.log('Every invariant held.')
  return true
}

/** Looks for a small world that notices each wrong relay; false where none does though one message is enough to show it. */
export async function noticeAll(bounds: Bounds) {
  let allNoticed = true
  for (const [place, variant] of variants.entries()) {
    if (variant.needs) {
      console.log(`not in a small world: ${variant.wrong} (needs ${variant.needs})`)
      continue
    }
    const tasks = (await Promise.all(scenarios.map((_, scenario) => tasksOf(scenario, bounds)))).flat()
    // Most show in a world with one departure, or none.
    const simple = tasks.map((task) => ({ ...task, bounds: { faults: 0, departures: 0 } }))
    let worlds = 0
    let noticed = false
    await onAllCores(
      [...simple, ...tasks].map((task) => ({ ...task, variant: place })),
      (_task, explored) => {
        worlds += explored.worlds
        noticed ||= explored.broken !== undefined
        return !noticed
      },
    )
    console.log(`${noticed ? `noticed, in ${worlds} worlds` : 'NOT NOTICED'}: ${variant.wrong}`)
    allNoticed &&= noticed
  }
  return allNoticed
}

/** First the world in which all is as usual, then those that begin with one departure. */
async function tasksOf(scenario: number, bounds: Bounds): Promise<Task[]> {
  const none = { faults: 0, departures: 0 }
  const points = await firstPoints(scenarios[scenario]!)
  return [{ scenario, begin: [], bounds: none }, ...points.map((point) => ({ scenario, begin: [point], bounds }))]
}

/** Hands the tasks out, until all are done or `next` says that it is enough. */
async function onAllCores(tasks: Task[], next: (task: Task, explored: Explored) => boolean) {
  let isEnough = false
  const work = () =>
    new Promise<void>((resolve, reject) => {
      const worker = new Worker(new URL(import.meta.url))
      const end = () => void worker.terminate().then(() => resolve())
      let task: Task | undefined
      const assign = () => {
        task = isEnough ? undefined : tasks.shift()
        if (task) worker.postMessage(task)
        else end()
      }
      worker.on('error', reject)
      worker.on('message', (explored: Explored) => {
        if (!next(task!, explored)) isEnough = true
        assign()
      })
      assign()
    })
  await Promise.all(Array.from({ length: availableParallelism() }, work))
}

function progress(text: string) {
  if (process.stdout.isTTY) process.stdout.write(`\r${text.padEnd(60)}`)
}

if (!isMainThread) {
  Error.stackTraceLimit = 0
  parentPort!.on('message', async ({ scenario, begin, bounds, variant }: Task) => {
    const wrong = variant === undefined ? undefined : variants[variant]!
    const options = wrong && { variant: wrong.handlers, until: wrong.breaks }
    parentPort!.postMessage(await explore(scenarios[scenario]!, begin, bounds, options))
  })
}
