import type { Context } from 'aws-lambda'
import type { Ground } from './ground.ts'

/** An execution environment of a Lambda. Dead, it hears no answer and makes no call. */
export type Process = {
  name: string
  alive: boolean
  /** Which of its invocations it is in, or died in. */
  runs: number
  /** By how many milliseconds its clock is ahead of the world's. */
  clockAhead: number
  /** What it called AWS for, in which of its invocations, and whether AWS did it and said so. */
  calls: AwsCall[]
  /** No process of the relay's, but of somebody beside whom it is measured: he never dies, nor does AWS fail him. */
  neverDies?: true
  die(why: string): void
}

/** A call to AWS: what for, about which message, and from when on it was known to have failed, if it did. */
export type AwsCall = { run: number; place: string; about: string | undefined; failedAt?: number }

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
    const clockAhead = faults.strikes('a clock is wrong', name) ? draws.between(`clock of ${name}`, -30_000, 30_000) : 0
    const process: Process = { name: `${name}/${++started}`, alive: true, runs: 0, clockAhead, calls: [], die() {} }
    if (clockAhead !== 0) note(process.name, `its clock is ${Math.round(clockAhead / 1000)} s ahead`)
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

const resends = [
  ['deliver-message', 'to deliveries'],
  ['update-status', 'to status updates'],
] as const

/** What a process does over the network: the request travels, has its effect, and the answer travels back. */
export function createNetwork({ clock, draws, faults, note }: Ground) {
  let noAnswersUntil = 0

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
  function aws<Answer>(
    process: Process,
    place: string,
    effect: () => Answer | Promise<Answer>,
    about?: string | undefined,
  ) {
    if (process.neverDies) return call(process, place, effect)
    const made: AwsCall = { run: process.runs, place, about }
    if (process.alive) process.calls.push(made)
    return call(process, place, async () => {
      if (faults.strikes('AWS refuses a call', place)) throw failed(process, made, 'refused')
      const answer = await effect()
      if (faults.strikes("AWS's answer is lost", place) || isLost(process, place))
        throw failed(process, made, 'answer lost')
      if (!faults.strikes('the SDK tries a call twice', place)) return answer
      note(process.name, `${place}: done, and tried once more`)
      return effect()
    })
  }

  /** For a while, SQS takes the jobs that consumers send again, and nobody hears so. */
  function isLost({ name }: Process, place: string) {
    if (!resends.some(([who, where]) => name.startsWith(who) && place === where)) return false
    if (faults.strikes("SQS's answers are lost for a while", place))
      noAnswersUntil = Math.min(faults.until, clock.now() + draws.magnitude('no answers for', 600_000, 5_400_000))
    return clock.now() < noAnswersUntil
  }

  function failed(process: Process, made: AwsCall, what: string) {
    made.failedAt = clock.now()
    note(process.name, `${made.place}: ${what}`)
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
