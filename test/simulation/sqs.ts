import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import { encodeBody, maxDelaySeconds, type Queue } from '../../functions/platform/queue.ts'
import { maxReceiveCount } from '../../infra/relay/max-receive-count.ts'
import { sqsEvent } from '../support/sqs-event.ts'
import type { Ground } from './ground.ts'
import type { createLambda, Network, Process } from './processes.ts'

const batchSize = 10

/** So many copies of a job in a queue at once are no accident any more. */
export const tooManyCopies = 150
const concurrency = 3

type Message = {
  id: string
  body: string
  sentAt: number
  visibleAt: number
  receives: number
  /** Who received it last, and in which of its invocations. */
  receivedBy?: { process: Process; run: number }
}
type Invoke = ReturnType<typeof createLambda<SQSEvent, SQSBatchResponse>>

/** A standard queue of SQS with its dead letters, and the event source by which Lambda consumes it. */
export function createWorkQueue(
  { clock, draws, faults, note }: Ground,
  { aws }: Network,
  { name, visibilityTimeout, batchingWindow }: { name: string; visibilityTimeout: number; batchingWindow: number },
) {
  const messages: Message[] = []
  const deadLetters: Message[] = []
  let sent = 0
  let redriven = 0
  let running = 0
  let mostCopies = 0
  const buried = new Set<string>()
  let consumer: Invoke | undefined

  function arrive(body: string, delaySeconds = 0) {
    // There would be no end to it, and it is judged by that.
    if (mostCopies > tooManyCopies) return
    const late = faults.strikes('SQS delivers late', name) ? draws.magnitude(`${name} is late`, 1000, 1_200_000) : 0
    const delay = Math.min(maxDelaySeconds, Math.max(0, Math.ceil(delaySeconds))) * 1000
    const visibleAt = Math.ceil(clock.now() + delay + late)
    // Lambda had no room for it, over and over.
    const isLast = faults.strikes('SQS hands a message out for the last time', name)
    const receives = isLast ? maxReceiveCount - 1 : 0
    messages.push({ id: `${name} ${++sent}`, body, sentAt: clock.now(), visibleAt, receives })
    countCopies()
    clock.at(visibleAt + draws.between(`${name} is polled`, 0, batchingWindow), poll)
  }

  /** Jobs that wait again and again, and are the same but for what they carry. */
  function countCopies() {
    if (messages.length <= Math.max(10, mostCopies)) return
    const waiting = messages.filter(({ body }) => JSON.parse(body).waiting?.attempt >= 3)
    const copies = Map.groupBy(waiting, ({ body }) => nameOf(body))
    mostCopies = Math.max(mostCopies, ...[...copies.values()].map(({ length }) => length))
  }

  function bury(message: Message) {
    deadLetters.push(message)
    buried.add(JSON.parse(nameOf(message.body))[0])
    note(name, `${message.id} is a dead letter`)
    // The operator is quick, slow, and now and then clicks twice; at the end they redrive what still lies there.
    if (draws.chance(`${name} is redriven`, 0.5))
      clock.after(draws.magnitude(`redrive of ${name}`, 1000, 3_600_000), () => redrive(message))
    if (draws.chance(`${name} is redriven twice`, 0.1))
      clock.after(draws.magnitude(`second redrive of ${name}`, 1000, 3_600_000), () => redrive({ ...message }))
  }

  function redrive(message: Message) {
    const place = deadLetters.indexOf(message)
    if (place >= 0) deadLetters.splice(place, 1)
    redriven++
    note(name, `${message.id} is redriven`)
    arrive(message.body)
  }

  function receive() {
    const due = draws.shuffle(
      `order of ${name}`,
      messages.filter(({ visibleAt }) => visibleAt <= clock.now()),
    )
    for (const message of due.filter(({ receives }) => receives >= maxReceiveCount)) {
      remove(message)
      bury(message)
    }
    const batch = due.filter(({ receives }) => receives < maxReceiveCount).slice(0, batchSize)
    for (const message of batch) {
      const twice = faults.strikes('SQS hands a message out twice', name)
      message.receives++
      const timeout = twice ? draws.magnitude(`${name} repeats`, 1, 20_000) : visibilityTimeout
      message.visibleAt = Math.ceil(clock.now() + timeout)
      clock.at(message.visibleAt, poll)
    }
    return batch.map((message) => ({ ...message, message }))
  }

  function remove(message: Message) {
    const place = messages.indexOf(message)
    if (place >= 0) messages.splice(place, 1)
  }

  function poll() {
    if (!consumer || running >= concurrency || mostCopies > tooManyCopies) return
    const batch = receive()
    if (batch.length === 0) return
    running++
    consumer(sqsEvent(batch), (answer, process) => {
      running--
      for (const { message } of batch) message.receivedBy = { process, run: process.runs }
      note(process.name, answer ? 'returns' : 'did not return')
      const failed = new Set(answer?.batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
      for (const { id, message } of answer ? batch : [])
        if (!failed.has(id) && !faults.strikes('SQS forgets a deletion', name)) remove(message)
      poll()
    })
    poll()
  }

  const send =
    (place: string, effect: (body: string, delaySeconds?: number) => void) =>
    (process: Process): Queue => ({
      async send(job, { delaySeconds }) {
        const body = encodeBody(job)
        const enqueue = () => {
          const delay = delaySeconds ? `, in ${Math.ceil(delaySeconds)} s` : ''
          note(process.name, () => `${place}: ${summary(body)}${delay}`)
          effect(body, delaySeconds)
        }
        await aws(process, place, enqueue, (job as { messageId?: string }).messageId)
      },
    })

  return {
    messages,
    deadLetters,
    /** Messages of which a job was a dead letter. */
    buried,
    redriven: () => redriven,
    /** How many copies of one job lay in the queue at once, where that was more than a handful. */
    mostCopies: () => mostCopies,
    queue: send(`to ${name}`, arrive),
    deadLetterQueue: send(`to the dead letters of ${name}`, (body) =>
      bury({ id: `${name} dead ${++sent}`, body, sentAt: clock.now(), visibleAt: 0, receives: 0 }),
    ),
    redriveAll: () => [...deadLetters].forEach(redrive),
    consumeWith(invoke: Invoke) {
      consumer = invoke
    },
  }
}

/** What a job is about, whatever it carries. */
function nameOf(body: string) {
  const document = JSON.parse(body)
  const { messageId, status, part } = document.job ?? document
  return JSON.stringify([messageId, status, part])
}

/** A body in a few words for the trace: which message, which status, and why it waits or was given up. */
function summary(body: string) {
  const document = JSON.parse(body)
  const { messageId, status, waiting } = document.job ?? document
  const words = [
    messageId ?? 'something unread',
    status,
    waiting && `attempt ${waiting.attempt}`,
    document.deadLetter?.reason,
  ]
  return words.filter(Boolean).join(', ')
}
