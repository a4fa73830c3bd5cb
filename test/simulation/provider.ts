import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import type { Status } from '../../functions/messages/status.ts'
import { type FetchJson, type HttpResponse, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { truth } from '../../functions/providers/forward/account.ts'
import type { ReceiptAdapter, SendAdapter } from '../../functions/providers/provider.ts'
import type { Ground } from './ground.ts'
import type { Network, Process } from './processes.ts'
import type { Fate, SendAnswer } from './scenario.ts'

/** The relay's requests to a provider end after this many milliseconds. */
const patience = 20_000

/** A request to send a message. */
export type Send = {
  messageId: string
  /** Which of the message's sends it is. */
  part: number
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
  /** The caller heard that nothing was sent. */
  surelyNot: boolean
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
  const fateOf = (id: string) => options.fates.find((fate) => fate.id === id)!

  const http =
    (process: Process): FetchJson =>
    async (_url, { headers = {}, body }) => {
      const { messageId } = JSON.parse(String(body)) as { messageId: string }
      const send: Send = {
        messageId,
        part: Number(headers['x-part']),
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
            if (strikes('the provider is busy')) return answer(503)
            if (strikes('the provider does not answer')) return silence()
            const response = take(send)
            if (strikes("the provider's answer is lost")) return silence()
            return response
          },
          { low: 5, high: 2000 },
        )
        send.surelyNot = response.status === 503
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
    const part = { index: send.part, of: parts.length }
    note('provider', `takes ${id}, ${send.part + 1} of ${parts.length}: ${said}`)
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

  async function silence(): Promise<never> {
    await new Promise<void>((resolve) => clock.after(patience, resolve))
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

/** A provider that takes a send for each recipient, and names it in its header. */
export const inParts = (adapter: SendAdapter<unknown>): SendAdapter<unknown> => ({
  ...adapter,
  plan: ({ to }) => ({ sends: to.map(() => undefined) }),
  send: (send, account, tools) =>
    adapter.send(send, account, {
      ...tools,
      fetchJson: (url, { headers = {}, ...request }) => {
        const { 'webhook-id': id } = headers
        const part = { 'x-part': String(send.index), ...(id && { 'webhook-id': `${id}.${send.index}` }) }
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
  async send({ job: { messageId } }, _account, { fetchJson }) {
    const response = await fetchJson(accountAfter(0).url, {
      method: 'POST',
      body: JSON.stringify({ messageId }),
    }).catch(unheard)
    if (!response) return { outcome: 'unknown' }
    if (response.status === 503) throw new RetryableError('The provider is busy')
    if (response.status >= 400) return { outcome: 'rejected', reason: reasonFor(messageId) }
    return { outcome: 'sent', ...Answer.parse(response.json) }
  },
}

function unheard(error: unknown) {
  if (error instanceof NoAnswer && !error.mayHaveArrived) throw new RetryableError('The provider cannot be reached')
  return undefined
}

const answer = (status: number, json: object = {}): HttpResponse => ({ status, headers: {}, json, text: '' })
