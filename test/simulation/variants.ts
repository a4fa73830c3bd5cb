import type { SQSBatchResponse, SQSEvent } from 'aws-lambda'
import type { MessageKey } from '../../functions/messages/jobs.ts'
import type { Ledger } from '../../functions/messages/ledger.ts'
import { keptForDays, type LedgerItem } from '../../functions/messages/record.ts'
import { statusOrder } from '../../functions/messages/status.ts'
import type { CircuitBreaker } from '../../functions/platform/circuit-breaker.ts'
import type { Copy } from '../../functions/platform/envelope.ts'
import type { HttpAnswer } from '../../functions/platform/http-event.ts'
import { decodeBody, type Queue } from '../../functions/platform/queue.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import type { Table } from '../../functions/platform/table.ts'
import type { SendAdapter } from '../../functions/providers/provider.ts'
import * as updateStatus from '../../functions/update-status.ts'
import type { FaultKind } from './faults.ts'
import type { Invariant } from './invariants.ts'
import { reasonFor } from './provider.ts'
import { type Handlers, realHandlers } from './world.ts'

/** A relay that is wrong in one thing, and the invariant that it breaks. */
export type Variant = {
  wrong: string
  breaks: Invariant
  handlers: Partial<Handlers>
  /** What has to go wrong for it to show; anything, where that is often enough. */
  kinds?: FaultKind[]
  /** Why no world of one message shows it. */
  needs?: string
}

const { webhook, deliver, receipt } = realHandlers
const update = updateStatus.createHandler

/** Relays that must not pass: what a simulation is worth shows by what it notices. */
export const variants: Variant[] = [
  {
    wrong: 'it settles whatever became known while HubSpot was told',
    breaks: 'HubSpot holds the word for the highest status',
    kinds: [],
    handlers: { update: (deps) => update({ ...deps, ledger: deciding(deps.ledger, settleAnyway) }) },
  },
  {
    wrong: 'its jobs leave no marks',
    breaks: 'HubSpot holds the word for the highest status',
    handlers: {
      update: (deps) => update({ ...deps, ledger: writing(deps.ledger, (item) => ({ ...item, marks: [] })) }),
    },
  },
  {
    wrong: "a duplicate takes its twin's mark over at once",
    breaks: 'HubSpot holds the word for the highest status',
    kinds: ['SQS hands a message out twice', 'HubSpot works on after giving no answer'],
    handlers: {
      update: (deps) =>
        update({
          ...deps,
          ledger: reading(deps.ledger, (item) => ({
            ...item,
            marks: item.marks.map((mark) => ({ ...mark, until: 0 })),
          })),
        }),
    },
  },
  {
    wrong: 'it does not wait until HubSpot has surely finished what it gave no answer to',
    breaks: 'HubSpot holds the word for the highest status',
    kinds: ['HubSpot works on after giving no answer'],
    handlers: { update: (deps) => update({ ...deps, lateEffectSeconds: 0 }) },
  },
  {
    wrong: 'the last update wins, not the highest',
    breaks: 'HubSpot holds the word for the highest status',
    handlers: { update: (deps) => update({ ...deps, ledger: deciding(deps.ledger, alwaysRise) }) },
  },
  {
    wrong: 'it tells every update',
    breaks: 'HubSpot is asked no more than necessary',
    handlers: { update: (deps) => update({ ...deps, ledger: deciding(deps.ledger, tellAnyway) }) },
  },
  {
    wrong: 'it asks no rate limit',
    needs: 'many updates at once',
    breaks: 'HubSpot is asked no more than necessary',
    kinds: [],
    handlers: {
      update: (deps) => update({ ...deps, rateLimit: { ...deps.rateLimit, takeSlot: async () => deps.now() } }),
    },
  },
  {
    wrong: 'only the run that sends announces what came of it, as it would inside the idempotency',
    breaks: 'no event is missing',
    handlers: { deliver: announceOnlyOwnSends },
  },
  {
    wrong: 'it queues no conclusion for the case that no receipt comes',
    breaks: 'no event is missing',
    handlers: {
      deliver: (deps) => deliver({ ...deps, statusUpdates: only(deps.statusUpdates, isNoConclusion) }),
    },
  },
  {
    wrong: 'it takes an expired claim over and sends again',
    breaks: 'no customer receives a message twice',
    handlers: {
      deliver: (deps) =>
        deliver({
          ...deps,
          ledger: reading(deps.ledger, (item) =>
            item.send && !item.send.result && item.send.until <= deps.now() ? { ...item, send: undefined } : item,
          ),
        }),
    },
  },
  {
    wrong: 'it forgets what it sent within a day',
    breaks: 'no customer receives a message twice',
    kinds: ['a webhook comes again days later'],
    handlers: {
      deliver: (deps) =>
        deliver({
          ...deps,
          ledger: reading(deps.ledger, (item) =>
            deps.now() / 1000 - (item.expiresAt - keptForDays * 86_400) > 80_000
              ? { pk: item.pk, version: item.version, marks: [], timeline: [], expiresAt: 0 }
              : item,
          ),
        }),
    },
  },
  {
    wrong: 'it never reads a secret again',
    breaks: 'the world comes to rest',
    kinds: ['a secret is changed'],
    handlers: { receipt: (deps) => receipt({ ...deps, accounts: readOnce(deps.telemetry, deps.accounts) }) },
  },
  {
    wrong: 'it lets no message of a thread wait for another',
    needs: 'two messages',
    breaks: 'messages of a thread arrive in the order in which the agent sent them',
    kinds: ['the provider is busy'],
    handlers: {
      deliver: (deps) => deliver({ ...deps, threads: { begin: async () => false, isWaiting: async () => false } }),
    },
  },
  {
    wrong: 'it begins a message that takes several sends from the start again',
    breaks: 'no customer receives a message twice',
    handlers: {
      deliver: (deps) => deliver({ ...deps, ledger: writing(deps.ledger, (item) => ({ ...item, sends: undefined })) }),
    },
  },
  {
    wrong: 'what it knows of one send counts for all',
    breaks: 'HubSpot holds the word for the highest status',
    handlers: {
      update: (deps) => update({ ...deps, ledger: reading(deps.ledger, (item) => ({ ...item, parts: undefined })) }),
    },
  },
  {
    wrong: "its idempotency is keyed on SQS's message id",
    breaks: 'no customer receives a message twice',
    handlers: { deliver: keyOnSqsId },
  },
  {
    wrong: 'it sends again where it does not know what came of a send',
    breaks: 'no customer receives a message twice',
    handlers: { deliver: (deps) => deliver({ ...deps, accounts: sendingBy(deps.accounts, retryUnknown) }) },
  },
  {
    wrong: 'it acknowledges webhooks before SQS has the message',
    breaks: 'no event is missing',
    handlers: { webhook: (deps) => webhook({ ...deps, queue: hasty(deps.queue) }) },
  },
  {
    wrong: 'it acknowledges receipts before SQS has them',
    breaks: 'HubSpot holds the word for the highest status',
    handlers: { receipt: (deps) => receipt({ ...deps, statusUpdates: hasty(deps.statusUpdates) }) },
  },
  {
    wrong: 'it drops what it gives up',
    breaks: 'no event is missing',
    handlers: { update: (deps) => update({ ...deps, deadLetters: { send: async () => {} } }) },
  },
  {
    wrong: 'it reports failed jobs as done',
    breaks: 'HubSpot holds the word for the highest status',
    handlers: {
      update(deps) {
        const handle = asHandler(update(deps))
        return (event: SQSEvent, context: object) => handle(event, context).then(() => ({ batchItemFailures: [] }))
      },
    },
  },
  {
    wrong: 'it sends again what is done',
    breaks: 'the world comes to rest',
    handlers: { update: sendDoneAnew },
  },
  {
    wrong: 'an outcome that could not be recorded does not travel with the job',
    breaks: 'HubSpot holds the word for the highest status',
    kinds: ['AWS refuses a call'],
    handlers: { deliver: (deps) => deliver({ ...deps, queue: forgetful(deps.queue) }) },
  },
  {
    wrong: 'what it could not record is dropped where its job ends',
    breaks: 'HubSpot holds the word for the highest status',
    kinds: ['AWS refuses a call'],
    handlers: { deliver: dropWhatIsNotRecorded },
  },
  {
    wrong: 'it does not heed that SQS hands a job out for the last time',
    breaks: 'what is known is told before its job may end',
    kinds: ['SQS hands a message out for the last time', 'the process dies before a call', 'the process dies'],
    handlers: { deliver: (deps) => deliver({ ...deps, maxReceives: Number.POSITIVE_INFINITY }) },
  },
  {
    wrong: "it goes on by an account's new plan with what it began by another",
    needs: 'two faults',
    breaks: 'no customer receives a message twice',
    kinds: ['the account is changed', 'the process dies before a call', 'the process dies'],
    handlers: {
      deliver: (deps) => deliver({ ...deps, ledger: reading(deps.ledger, (item) => ({ ...item, plan: undefined })) }),
    },
  },
  {
    wrong: 'its marks leave no time for clocks that differ',
    needs: 'three departures',
    breaks: 'HubSpot holds the word for the highest status',
    kinds: ['a clock is wrong', 'SQS hands a message out twice', 'HubSpot works on after giving no answer'],
    handlers: {
      update: (deps) =>
        update({
          ...deps,
          ledger: reading(deps.ledger, (item) => ({
            ...item,
            marks: item.marks.map((mark) => ({ ...mark, until: mark.until - 65_000 })),
          })),
        }),
    },
  },
  {
    wrong: 'it waits for as long as HubSpot says',
    breaks: 'who is busy is asked again in good time',
    kinds: ['HubSpot is busy', 'a busy remote names an absurd wait'],
    handlers: {
      update: (deps) =>
        update({
          ...deps,
          hubspot: {
            async updateMessage(...asked) {
              const answer = await deps.hubspot.updateMessage(...asked)
              const seconds = 'retryAfterSeconds' in answer ? answer.retryAfterSeconds : undefined
              if (seconds === undefined) return answer
              throw new RetryableError('HubSpot is busy', { notBefore: deps.now() + seconds * 1000 })
            },
          },
        }),
    },
  },
  {
    wrong: 'it asks a busy provider again at once',
    breaks: 'who is busy is asked again in good time',
    kinds: ['the provider is busy for a while'],
    handlers: {
      deliver: (deps) => deliver({ ...deps, circuits: neverOpen, accounts: sendingBy(deps.accounts, againAtOnce) }),
    },
  },
  {
    wrong: "it believes HubSpot's first two rejections",
    breaks: 'HubSpot holds the word for the highest status',
    kinds: ['HubSpot refuses every status of the channel for a while'],
    handlers: {
      update: (deps) =>
        update({
          ...deps,
          rejectedForSeconds: 0,
          rateLimit: {
            ...deps.rateLimit,
            rejections: { ...deps.rateLimit.rejections, note: async () => ({ isSystematic: true }) },
          },
        }),
    },
  },
  {
    wrong: 'it acknowledges webhooks that it could not verify',
    breaks: 'no event is missing',
    kinds: ['a secret cannot be read'],
    handlers: {
      webhook(deps) {
        const handle = webhook(deps) as (event: object, context: object) => Promise<HttpAnswer>
        const acknowledge = (answer: HttpAnswer) => ({ ...answer, statusCode: 204 })
        return (event: object, context: object) => handle(event, context).then(acknowledge)
      },
    },
  },
  {
    wrong: 'it asks for a token whenever it wants one',
    breaks: 'HubSpot is asked no more than necessary',
    kinds: ['HubSpot refreshes no token for a while'],
    handlers: { update: (deps, tokensOver) => update({ ...deps, tokens: tokensOver(withoutPatience) }) },
  },
  {
    wrong: 'copies of a job that waits do not end',
    needs: 'many attempts',
    breaks: 'copies of a job do not multiply',
    handlers: { update: (deps) => update({ ...deps, queue: withoutCopy(deps.queue) }) },
  },
  {
    wrong: 'a copy of a job counts from when it is sent',
    needs: 'two faults',
    breaks: 'no event is missing',
    kinds: ['AWS refuses a call', 'the provider is busy for a while'],
    handlers: { deliver: countWhenSent },
  },
  {
    wrong: 'it does nothing for a copy that it was handed before',
    breaks: 'no event is missing',
    kinds: ['the process dies before a call', 'the process dies'],
    handlers: { deliver: eachCopyOnce },
  },
  {
    wrong: 'what is redriven counts its copies from the start',
    needs: 'many attempts',
    breaks: 'no event is missing',
    kinds: ['the provider is busy for a while'],
    handlers: {
      deliver: (deps) =>
        deliver({
          ...deps,
          giveUpAfterSeconds: 60,
          deadLetters: changing(deps.deadLetters, { copy: { count: 1, token: '' } }),
        }),
    },
  },
  {
    wrong: 'it takes HubSpot to show SENT where it shows nothing',
    breaks: 'no event is missing',
    kinds: [],
    handlers: { update: (deps) => update({ ...deps, tellSent: 'corrections' }) },
  },
  {
    wrong: 'it forgets in which trace a message began',
    breaks: 'what HubSpot is told leads back to its webhook',
    kinds: [],
    handlers: {
      deliver: (deps) =>
        deliver({ ...deps, ledger: writing(deps.ledger, (item) => ({ ...item, traceId: undefined })) }),
    },
  },
  {
    wrong: "it keeps the provider's reason as it came",
    breaks: 'nothing confidential is kept or logged',
    handlers: {
      update: (deps) =>
        update({
          ...deps,
          ledger: writing(deps.ledger, (item) => ({ ...item, reason: item.reason && reasonFor(item.pk) })),
        }),
    },
  },
  {
    wrong: 'it logs the message that it sends',
    breaks: 'nothing confidential is kept or logged',
    handlers: {
      deliver: (deps) =>
        deliver({
          ...deps,
          accounts: sendingBy(deps.accounts, (adapter) => ({
            ...adapter,
            send(job, account, tools) {
              deps.telemetry.info('Sending', job)
              return adapter.send(job, account, tools)
            },
          })),
        }),
    },
  },
  {
    wrong: 'it logs the access token',
    breaks: 'nothing confidential is kept or logged',
    handlers: {
      update: (deps) =>
        update({
          ...deps,
          hubspot: {
            updateMessage(token, ...rest) {
              deps.telemetry.info('Calling HubSpot', { token })
              return deps.hubspot.updateMessage(token, ...rest)
            },
          },
        }),
    },
  },
]

type Decision = { next?: LedgerItem; answer: unknown }

/** A ledger whose rules decide otherwise. */
function deciding(ledger: Ledger, decideAnew: (item: LedgerItem, decide: (item: LedgerItem) => Decision) => Decision) {
  const change: Ledger['change'] = (key, decide, seen) =>
    ledger.change(key, (item) => decideAnew(item, decide) as ReturnType<typeof decide>, seen)
  return { ...ledger, change }
}

/** A ledger whose rules see another item than the one that is kept. */
const reading = (ledger: Ledger, see: (item: LedgerItem) => LedgerItem) =>
  deciding(ledger, (item, decide) => decide(see(item)))

/** A ledger that keeps another item than its rules decide. */
const writing = (ledger: Ledger, write: (item: LedgerItem) => LedgerItem) =>
  deciding(ledger, (item, decide) => {
    const { next, answer } = decide(item)
    return { answer, ...(next && { next: write(next) }) }
  })

function settleAnyway(item: LedgerItem, decide: (item: LedgerItem) => Decision): Decision {
  const decided = decide(item)
  if (decided.answer !== 'more is known') return decided
  const settled = statusOrder.map((known) => decide({ ...item, known })).find(({ answer }) => answer === 'recorded')
  return settled ? { answer: 'recorded', next: { ...settled.next!, known: item.known } } : decided
}

function alwaysRise(item: LedgerItem, decide: (item: LedgerItem) => Decision): Decision {
  const decided = decide({ ...item, known: undefined })
  return decided.next ? decided : decide(item)
}

function tellAnyway(item: LedgerItem, decide: (item: LedgerItem) => Decision): Decision {
  const { next = item, answer } = decide(item)
  return answer === 'nothing new' ? { next, answer: 'claimed' } : { next, answer }
}

function announceOnlyOwnSends(deps: Parameters<typeof deliver>[0]) {
  const sent = new Set<string>()
  const accounts = sendingBy(deps.accounts, (adapter) => ({
    ...adapter,
    async send(send, account, tools) {
      const outcome = await adapter.send(send, account, tools)
      sent.add(send.job.messageId)
      return outcome
    },
  }))
  return deliver({ ...deps, accounts, statusUpdates: only(deps.statusUpdates, (job) => sent.delete(job.messageId)) })
}

function keyOnSqsId(deps: Parameters<typeof deliver>[0]) {
  return async (event: SQSEvent, context: object): Promise<SQSBatchResponse> => {
    const answers = event.Records.map((record) => {
      const keyed: Ledger = {
        read: (key) => deps.ledger.read({ ...key, messageId: record.messageId }),
        change: (key, ...rest) => deps.ledger.change({ ...key, messageId: record.messageId }, ...rest),
      }
      return asHandler(deliver({ ...deps, ledger: keyed }))({ Records: [record] }, context)
    })
    return { batchItemFailures: (await Promise.all(answers)).flatMap(({ batchItemFailures }) => batchItemFailures) }
  }
}

function sendDoneAnew(deps: Parameters<typeof update>[0]) {
  const handle = asHandler(update(deps))
  return async (event: SQSEvent, context: object) => {
    const answer = await handle(event, context)
    for (const { body } of event.Records)
      await deps.queue.send(decodeBody(body) as object, { group: '1', delaySeconds: 900 })
    return answer
  }
}

type Accounts = Parameters<typeof deliver>[0]['accounts']

type ReceiptAccounts = Parameters<typeof receipt>[0]['accounts']
const readBefore = new WeakMap<object, ReturnType<ReceiptAccounts['find']>>()

/** Accounts that stay as they were read first in a world, which is known by its telemetry. */
function readOnce(world: object, accounts: ReceiptAccounts): ReceiptAccounts {
  return {
    ...accounts,
    find(ids) {
      const first = readBefore.get(world) ?? accounts.find(ids)
      readBefore.set(world, first)
      return first
    },
  }
}

/** Accounts whose messages go out otherwise. */
function sendingBy(accounts: Accounts, change: (adapter: SendAdapter<unknown>) => SendAdapter<unknown>): Accounts {
  return {
    async find(ids, options) {
      const found = await accounts.find(ids, options)
      return found && { ...found, adapter: change(found.adapter) }
    },
  }
}

const retryUnknown = (adapter: SendAdapter<unknown>): SendAdapter<unknown> => ({
  ...adapter,
  async send(job, account, tools) {
    const outcome = await adapter.send(job, account, tools)
    if (outcome.outcome === 'in doubt') throw new RetryableError('Perhaps it was not sent')
    return outcome
  },
})

/** A circuit breaker that would do in its place what the relay itself is to do. */
const neverOpen: CircuitBreaker = { call: (_circuit, make) => make() }

const againAtOnce = (adapter: SendAdapter<unknown>): SendAdapter<unknown> => ({
  ...adapter,
  async send(send, account, tools) {
    return adapter.send(send, account, tools).catch((error: unknown) => {
      if (!(error instanceof RetryableError) || error.inDoubt) throw error
      throw new RetryableError('The provider is busy', { notBefore: tools.now() })
    })
  },
})

function dropWhatIsNotRecorded(deps: Parameters<typeof deliver>[0]) {
  const { statusUpdates, deadLetters } = deps
  const send: Queue['send'] = async (job, options) => {
    const { send, sends } = await deps.ledger.read(job as MessageKey)
    const isRecorded = send?.result !== undefined || sends !== undefined
    if (isRecorded || !isNoConclusion(job as Job)) await statusUpdates.send(job, options)
  }
  // What has to wait is given up.
  const impatient = { giveUpAfterSeconds: 0, deadLetters: changing(deadLetters, { progress: {} }) }
  return deliver({ ...deps, ...impatient, statusUpdates: { send } })
}

/** A table of portals that does not keep when a token may be asked for again. */
const withoutPatience = (table: Table): Table => ({
  ...table,
  putIfNextVersion: (item) =>
    table.putIfNextVersion({ ...item, lease: undefined, failedRefreshes: undefined, refreshAgainAt: undefined }),
})

/** A queue whose jobs do not say which copy they are. */
const withoutCopy = (queue: Queue): Queue => ({
  send(job, options) {
    const { waiting } = job as { waiting?: object }
    return queue.send(waiting ? { ...job, waiting: { ...waiting, copy: undefined } } : job, options)
  },
})

function countWhenSent(deps: Parameters<typeof deliver>[0]) {
  const send: Queue['send'] = async (job, options) => {
    const { waiting, ...key } = job as MessageKey & { waiting?: { copy: Copy } }
    if (waiting) {
      const received = { delivery: waiting.copy }
      await deps.ledger.change(key, (item) => ({ next: { ...item, received }, answer: undefined }))
    }
    await deps.queue.send(job, options)
  }
  return deliver({ ...deps, queue: { send } })
}

const handedOut = new WeakMap<object, Set<string>>()

function eachCopyOnce(deps: Parameters<typeof deliver>[0]) {
  const handle = asHandler(deliver(deps))
  const seen = handedOut.get(deps.telemetry) ?? new Set()
  handedOut.set(deps.telemetry, seen)
  return (event: SQSEvent, context: object) => {
    const Records = event.Records.filter(({ messageId }) => !seen.has(messageId))
    for (const { messageId } of Records) seen.add(messageId)
    return handle({ Records }, context)
  }
}

/** A queue whose jobs say something else. */
const changing = (queue: Queue, change: object): Queue => ({
  send: (job, options) => queue.send({ ...job, ...change }, options),
})

type Job = { messageId: string; status?: string }
const isNoConclusion = ({ status }: Job) => status !== 'unconfirmed'

/** A queue that takes only some jobs. */
const only = (queue: Queue, takes: (job: Job) => boolean): Queue => ({
  send: async (job, options) => (takes(job as Job) ? queue.send(job, options) : undefined),
})

/** A queue whose jobs carry nothing over to their next run. */
const forgetful = (queue: Queue): Queue => ({
  send: (job, options) =>
    queue.send('waiting' in job ? { ...job, waiting: { ...(job.waiting as object), progress: {} } } : job, options),
})

/** A queue that says that it has a job before it has. */
const hasty = (queue: Queue): Queue => ({
  send: async (job, options) => void queue.send(job, options).catch(() => {}),
})

const asHandler = (handler: unknown) => handler as (event: SQSEvent, context: object) => Promise<SQSBatchResponse>
