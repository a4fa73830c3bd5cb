import type { Context } from 'aws-lambda'
import type { Ground } from './ground.ts'

/** An execution environment of a Lambda. Dead, it hears no answer and makes no call. */
export type Process = {
  name: string
  alive: boolean
  /** Which of its invocations it is in, or died in. */
  runs: number
  /** A delivery could not be sent again: what its run had learned travels no further. */
  forgot: boolean
  /** No process of the relay's, but of somebody beside whom it is measured: he never dies, nor does AWS fail him. */
  neverDies?: true
  die(why: string): void
}

/** A Lambda's handler, whatever it takes. */
type Handler<Event, Answer> = (event: Event, context: Context) => Promise<Answer>

/** A Lambda of the world: execution environments that live from invocation to invocation, and die at any time. */
export function createLambda<Event, Answer>(
  { clock, draws, faults, note }: Ground,
  { name, timeout, create }: { name: string; timeout: number; create(process: Process): Handler<Event, Answer> },
) {
  const idle: { process: Process; handler: Handler<Event, Answer> }[] = []
  let started = 0

  function start() {
    const process: Process = { name: `${name}/${++started}`, alive: true, runs: 0, forgot: false, die() {} }
    return { process, handler: create(process) }
  }

  /** Runs the handler; `ended` is told its answer, or nothing where it failed or died. */
  return function invoke(event: Event, ended: (answer: Answer | undefined, process: Process) => void) {
    const environment = (draws.chance(`${name} is warm`, 0.7) && idle.pop()) || start()
    const { process, handler } = environment
    const deadline = clock.now() + timeout
    process.runs++
    let over = false

    function end(answer: Answer | undefined) {
      if (over) return
      over = true
      if (process.alive) idle.push(environment)
      ended(answer, process)
    }
    function die(why: string) {
      if (over) return
      process.alive = false
      note(process.name, why)
      end(undefined)
    }
    process.die = die
    clock.at(deadline, () => die('runs out of time'))
    if (faults.strikes('the process dies', name))
      clock.after(draws.magnitude(`${name} dies`, 1, 20_000), () => die('dies'))

    const context = {
      functionName: name,
      awsRequestId: process.name,
      getRemainingTimeInMillis: () => deadline - clock.now(),
    }
    handler(event, context as Context).then(
      (answer) => process.alive && end(answer),
      () => process.alive && end(undefined),
    )
  }
}

/** What a process does over the network: the request travels, has its effect, and the answer travels back. */
export function createNetwork({ clock, draws, faults, note }: Ground) {
  /** Calls over any network. The effect comes even where the caller dies meanwhile; its answer is heard by the living. */
  function call<Answer>(
    process: Process,
    place: string,
    effect: () => Answer | Promise<Answer>,
    latency = { low: 1, high: 30 },
  ): Promise<Answer> {
    const travel = () => draws.magnitude(`latency of ${place}`, latency.low, latency.high)
    return new Promise((resolve, reject) => {
      if (!process.alive) return
      const dies = (kind: 'the process dies before a call' | 'the process dies after a call') =>
        !process.neverDies && faults.strikes(kind, place)
      if (dies('the process dies before a call')) return process.die(`dies before: ${place}`)
      clock.after(travel(), async () => {
        const answer = await outcome(effect)
        clock.after(travel(), () => {
          if (process.alive && dies('the process dies after a call')) process.die(`dies after: ${place}`)
          if (!process.alive) return
          if ('error' in answer) reject(answer.error)
          else resolve(answer.value)
        })
      })
    })
  }

  /** Calls AWS through its SDK, which tries twice. */
  function aws<Answer>(process: Process, place: string, effect: () => Answer | Promise<Answer>) {
    if (process.neverDies) return call(process, place, effect)
    return call(process, place, async () => {
      if (faults.strikes('AWS refuses a call', place)) throw failed(process, place, 'refused')
      const answer = await effect()
      if (faults.strikes("AWS's answer is lost", place)) throw failed(process, place, 'answer lost')
      if (!faults.strikes('the SDK tries a call twice', place)) return answer
      note(process.name, `${place}: done, and tried once more`)
      return effect()
    })
  }

  function failed(process: Process, place: string, what: string) {
    if (place === 'to deliveries') process.forgot = true
    note(process.name, `${place}: ${what}`)
    return Object.assign(new Error('Simulated'), { name: 'ServiceUnavailable', $metadata: {} })
  }

  const sleep = (process: Process) => (milliseconds: number) =>
    new Promise<void>((resolve) => clock.after(milliseconds, () => process.alive && resolve()))

  return { call, aws, sleep }
}

export type Network = ReturnType<typeof createNetwork>

async function outcome<Answer>(effect: () => Answer | Promise<Answer>) {
  try {
    return { value: await effect() }
  } catch (error) {
    return { error }
  }
}
