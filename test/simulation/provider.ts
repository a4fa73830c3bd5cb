import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import type { Status } from '../../functions/messages/status.ts'
import { type FetchJson, type HttpResponse, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { parseRetryAfter, RetryableError } from '../../functions/platform/retry.ts'
import { truth } from '../../functions/providers/forward/account.ts'
import type { ReceiptAdapter, SendAdapter } from '../../functions/providers/provider.ts'
import type { Ground } from './ground.ts'
import { absurdWaits } from './hubspot.ts'
import type { Network, Process } from './processes.ts'
import type { Fate, SendAnswer } from './scenario.ts'

/** The relay's requests to a provider end after this many milliseconds. */
const requestTimeout = 20_000

/** A request to send a message. */
export type Send = {
  messageId: string
  /** Which of the message's sends it is, of how many, and how the account was arranged when they were planned. */
  part: number
  of: number
  arrangement: number
  at: number
  process: Process
  key: string | undefined
  /** The provider took it, for the first time. */
  taken: boolean
  /** What the provider decided, and when. */
  said?: SendAnswer
  saidAt?: number
  /** In which of its process's invocations. */
  run: number
  /** The caller heard that. */
  heard: boolean
  /** The caller heard that nothing was sent; `busyAt`: because the provider was busy. */
  surelyNot: boolean
  busyAt?: number
}

/** The customers' messaging service: takes messages, and posts receipts of what becomes of them. */
export function createProvider(
  { clock, draws, faults, note }: Ground,
  { call }: Network,
  options: { fates: Fate[]; post(receipt: Issued, done: () => void): void; knows?: (messageId: string) => void },
) {
  const sends: Send[] = []
  /** What it says that became of each send: the truth. */
  const issued: (Issued & { at: number })[] = []
  const keys = new Set<string>()
  let busyUntil = 0
  const fateOf = (id: string) => options.fates.find((fate) => fate.id === id)!

  const http =
    (process: Process): FetchJson =>
    async (_url, { headers = {}, body }) => {
      const { messageId } = JSON.parse(String(body)) as { messageId: string }
      const [part = 0, of = 1, arrangement = 0] = headers['x-part']!.split('.').map(Number)
      const send: Send = {
        ...{ messageId, part, of, arrangement },
        at: clock.now(),
        process,
        run: process.runs,
        key: headers['webhook-id'],
        taken: false,
        heard: false,
        surelyNot: false,
      }
      sends.push(send)
      const strikes = (kind: Parameters<typeof faults.strikes>[0]) => faults.strikes(kind, messageId)
      try {
        const response = await call(
          process,
          `send of ${messageId}`,
          async () => {
            if (strikes('the provider cannot be reached')) throw new NoAnswer('connection refused', false)
            if (faults.strikes('the provider is busy for a while', 'provider'))
              busyUntil = Math.min(
                faults.until,
                clock.now() + draws.magnitude('provider is busy for', 60_000, 3_600_000),
              )
            if (clock.now() < busyUntil || strikes('the provider is busy')) return answer(503, {}, waits())
            if (strikes('the provider does not answer')) return silence()
            const response = take(send)
            if (strikes("the provider's answer is lost")) return silence()
            return response
          },
          { low: 5, high: 2000 },
        )
        send.surelyNot = response.status === 503
        if (send.surelyNot) send.busyAt = clock.now()
        send.heard = response.status !== 503
        return response
      } catch (error) {
        send.surelyNot = error instanceof NoAnswer && !error.mayHaveArrived
        throw error
      }
    }

  function take(send: Send) {
    const { id, parts } = fateOf(send.messageId)
    const { answer: said, receipts } = parts[send.part]!
    const part = { index: send.part, of: send.of }
    note('provider', `takes ${id}, ${send.part + 1} of ${send.of}: ${said}`)
    send.said = said
    send.saidAt = clock.now()
    options.knows?.(id)
    const isNew = send.key === undefined || !keys.has(send.key)
    if (isNew) {
      send.taken = said !== 'rejected'
      if (send.key !== undefined) keys.add(send.key)
      if (said !== 'rejected')
        for (const { status, after } of receipts) clock.after(after, () => issue({ messageId: id, status, part }))
    }
    return said === 'rejected' ? answer(400, { reason: reasonFor(id) }) : answer(200, { status: said })
  }

  /** Posts a receipt until it is taken, and now and then again. */
  function issue(receipt: Issued) {
    const { messageId, status, part } = receipt
    issued.push({ ...receipt, at: clock.now() })
    options.knows?.(messageId)
    note('provider', `${messageId}, ${part.index + 1} of ${part.of}, is ${status}`)
    const post = () => options.post(receipt, () => {})
    options.post(receipt, () => {
      if (faults.strikes('a sender repeats itself', `receipt of ${messageId}`))
        clock.after(draws.magnitude('second receipt', 1, 600_000), post)
    })
  }

  function waits(): Record<string, string> {
    if (faults.strikes('a busy remote names an absurd wait', 'provider'))
      return { 'retry-after': draws.pick('absurd wait of the provider', absurdWaits) }
    return draws.chance('provider says when', 0.3) ? { 'retry-after': '3' } : {}
  }

  async function silence(): Promise<never> {
    await new Promise<void>((resolve) => clock.after(requestTimeout, resolve))
    throw new NoAnswer('timeout', true)
  }

  return { sends, issued, http, issue }
}

/** A receipt: what became of one of a message's sends. */
export type Issued = { messageId: string; status: Status; part: { index: number; of: number } }

/** Why a message failed, with a phone number in it, as providers do. */
export const reasonFor = (messageId: string) => `The number ${phoneNumber} does not take messages (${messageId})`
export const phoneNumber = '+49 1515 5550100'

/** The secret of the channel, as it is after so many changes. */
export const accountAfter = (changes: number) => ({
  provider: 'forward' as const,
  url: 'https://provider.test/messages',
  secrets: [`whsec_${Buffer.from(`the secret of a simulated channel ${changes}`).toString('base64')}`] as [string],
})

/** A receipt as the team's own service signs it. The library that verifies it looks at the real clock. */
export function signedReceipt({ messageId, status, part }: Issued, secret: string, occurredAt: string) {
  const data = { portalId: '1', messageId, status, ...(status === 'failed' && { reason: reasonFor(messageId) }) }
  const body = JSON.stringify({ type: 'message.status', timestamp: occurredAt, data })
  const at = new Date()
  const headers = {
    'webhook-id': `receipt-${messageId}-${status}`,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign(`receipt-${messageId}-${status}`, at, body),
    'x-part': `${part.index}.${part.of}`,
  }
  return { body, headers }
}

/**
 * A provider that takes a send for each recipient, and names it in its header. In every other arrangement, which the team
 * may change while messages are on their way, it takes one for all of them.
 */
export const inParts = (adapter: SendAdapter<unknown>, arrangement: () => number): SendAdapter<unknown> => ({
  ...adapter,
  plan({ to }) {
    const arranged = arrangement()
    return { sends: (arranged % 2 === 0 ? to : to.slice(0, 1)).map(() => arranged || undefined) }
  },
  send: (send, account, tools) =>
    adapter.send(send, account, {
      ...tools,
      fetchJson: (url, { headers = {}, ...request }) => {
        const { 'webhook-id': id } = headers
        const name = `${send.index}.${send.of}.${send.part ?? 0}`
        const part = { 'x-part': name, ...(id && { 'webhook-id': `${id}.${name}` }) }
        return tools.fetchJson(url, { ...request, headers: { ...headers, ...part } })
      },
    }),
})

/** Its receipts, which name the send as well. */
export const receiptsOfParts = (adapter: ReceiptAdapter<unknown>): ReceiptAdapter<unknown> => ({
  ...adapter,
  receive(request, account) {
    const receipt = adapter.receive(request, account)
    const [index = 0, of = 1] = request.header('x-part')?.split('.').map(Number) ?? []
    if (receipt.kind !== 'statuses' || of === 1) return receipt
    return { ...receipt, statuses: receipt.statuses.map((status) => ({ ...status, part: { index, of } })) }
  },
})

const Answer = z.object({ status: z.enum(['accepted', 'sent', 'delivered']) })

/** A provider that cannot tell a repetition, as most of them. */
export const withoutKey: SendAdapter<unknown> = {
  account: z.unknown(),
  truth,
  plan: () => ({ sends: [undefined] }),
  async send({ job: { messageId } }, _account, { fetchJson, now }) {
    const response = await fetchJson(accountAfter(0).url, {
      method: 'POST',
      body: JSON.stringify({ messageId }),
    }).catch(unheard)
    if (!response) return { outcome: 'in doubt' }
    if (response.status === 503)
      throw new RetryableError('The provider is busy', {
        retryAfter: parseRetryAfter(response.headers['retry-after'], now()),
      })
    if (response.status >= 400) return { outcome: 'rejected', reason: reasonFor(messageId) }
    return { outcome: 'sent', ...Answer.parse(response.json) }
  },
}

function unheard(error: unknown) {
  if (error instanceof NoAnswer && !error.mayHaveArrived) throw new RetryableError('The provider cannot be reached')
  return undefined
}

const answer = (status: number, json: object = {}, headers: Record<string, string> = {}): HttpResponse => ({
  status,
  headers,
  json,
  text: '',
})
