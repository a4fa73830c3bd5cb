import { about } from './messages/about.ts'
import { Digits, Id } from './messages/ids.ts'
import { version } from './messages/job-version.ts'
import type { HandOnJob } from './messages/jobs.ts'
import { sanitiseReason } from './messages/sanitise-reason.ts'
import { StatusUpdate } from './messages/status-update.ts'
import { allOf, allOfEach } from './platform/all-of.ts'
import {
  calledUrl,
  type HttpAnswer,
  type HttpEvent,
  header,
  httpHandler,
  json,
  rawBody,
} from './platform/http-event.ts'
import { gzip, type Queue, TooLargeForQueue } from './platform/queue.ts'
import type { Telemetry } from './platform/telemetry.ts'
import type { Accounts } from './providers/accounts.ts'
import type { HandedOn, HandOn, Receipt, ReceiptAdapter } from './providers/provider.ts'
import { receiptsPath } from './providers/receipts-path.ts'
import { reporterOf } from './providers/unknown-codes.ts'
import { type ReceiptIds, type ReceivingAccount, receive, verifierOf } from './providers/verify-receipt.ts'

/** What `provider-receipt` needs. */
export type Deps = {
  accounts: Accounts<ReceiptAdapter<unknown> | undefined>
  statusUpdates: Queue
  /** What is to be handed on. */
  handOns: Queue
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

/**
 * Takes providers' receipts, posted to `/receipts/{channelId}` or `/receipts/{channelId}/{channelAccountId}`: verifies
 * them with a secret that belongs to the URL, translates them, queues what they say, and hands on what else there is.
 */
export function createHandler(deps: Deps) {
  const { accounts, statusUpdates, handOns, telemetry, now } = deps
  const withoutEndpoint = new Set<string>()

  return httpHandler(telemetry, async (event) => {
    const ids = idsOf(event)
    const traceId = event.requestContext.requestId
    const reject = (statusCode: keyof typeof reasons, why: string) => answer(statusCode, why, { ...ids, traceId })
    if (!ids) return reject(404, 'a channel id is a number')
    if (rawBody(event).length > maxRequestBytes) return reject(413, 'larger than 4 MiB')
    const request = requestOf(event, ids)
    const received = await receive(accounts, request, ids)
    if (!received) return reject(404, 'no secret for this channel')
    const { receipt, found } = received
    if (!receipt) return reject(404, 'this provider sends no receipts')
    if (receipt.kind === 'rejected') return reject(401, receipt.why)
    if (receipt.kind === 'handshake') return shakeHands(receipt.answer, ids)
    const verifiedBy = verifierOf(request, found, telemetry)
    if (receipt.kind === 'unreadable') return reject(400, receipt.problem)
    // Lambda freezes the process at the answer.
    await allOf([
      accept(receipt, { ...ids, source: found.provider, traceId, verifiedBy }),
      receipt.handOn && handOn(receipt.handOn, event, { ...found.ids, traceId }, found),
    ])
    return { statusCode: 204 }
  })

  function shakeHands(body: string, ids: ReceiptIds): HttpAnswer {
    telemetry.info('Handshake answered', ids)
    return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body }
  }

  async function accept(
    { statuses, ignored, failures = [], unmatched = [], unknownFields = [] }: Statuses,
    common: Common,
  ) {
    const updates = statuses.map((status) => inOurForm({ v: version, type: 'status', ...status, ...common }))
    await allOfEach(updates, (update) => statusUpdates.send(update, { group: update.portalId }))
    for (const update of updates) telemetry.info('Receipt queued', { ...about(update), source: common.source })
    noteFailures(failures, common)
    if (unmatched.length > 0)
      telemetry.info('Failure receipts for unknown messages', {
        ...channelOf(common),
        providerMessageIds: unmatched.slice(0, 20),
      })
    telemetry.count('ReceiptsAccepted', updates.length)
    telemetry.count('ReceiptsIgnored', ignored)
    if (unknownFields.length === 0) return
    const fields = unknownFields.slice(0, 5)
    telemetry.warn('A receipt has fields that are not known', { ...channelOf(common), fields })
    telemetry.count('ReceiptFieldsUnknown', unknownFields.length)
  }

  /** Fields that a team's own sender writes in another form are repaired or dropped, so that no status is lost. */
  function inOurForm(update: StatusUpdate): StatusUpdate {
    const { unexpected = [], ...read }: StatusUpdate = StatusUpdate.safeParse(update).data ?? update
    for (const field of unexpected) telemetry.count('UnexpectedUpdateFields', 1, { field })
    return { ...read, reason: read.reason === undefined ? undefined : sanitiseReason(read.reason) }
  }

  function noteFailures(failures: NonNullable<Statuses['failures']>, { verifiedBy: _, source, ...ids }: Common) {
    for (const { code, verdict } of failures) {
      if (verdict === 'account') {
        telemetry.warn('The provider does not accept the account', { ...ids, source, code })
        telemetry.count('AccountErrors')
      }
      if (verdict === undefined) reporterOf(telemetry, source)(code)
    }
  }

  async function handOn(
    { entries, headers: names }: HandOn,
    event: HttpEvent,
    ids: ReceiptIds & { traceId: string },
    { adapter, account }: ReceivingAccount,
  ) {
    if (adapter?.handOnTo?.(account) === undefined) return withoutEndpointFor(entries, ids)
    const headers = Object.fromEntries(names.flatMap((name) => [[name, header(event, name)] as const].filter(isThere)))
    await queue({ headers, body: rawBody(event) })
    telemetry.info('Queued to be handed on', { ...ids, entries })
    telemetry.count('EntriesHandedOn', entries)

    /** As it came, if it fits into SQS; otherwise split into as many requests as it takes, each as the provider would have made it. */
    async function queue({ headers, body }: HandedOn): Promise<void> {
      const job: HandOnJob = { v: version, type: 'hand-on', ...ids, headers, body: gzip(body) }
      try {
        await handOns.send(job, { group: ids.channelId })
      } catch (error) {
        const parts = error instanceof TooLargeForQueue ? adapter?.split?.({ headers, body }, account) : undefined
        if (!parts) throw error
        for (const part of parts) await queue(part)
      }
    }
  }

  /** Counted each time, logged once: a team that wants those messages sees it, and one that does not is not flooded. */
  function withoutEndpointFor(entries: number, { channelId, channelAccountId }: ReceiptIds) {
    telemetry.count('EntriesNotHandedOn', entries)
    const account = channelAccountId ?? channelId
    if (withoutEndpoint.has(account)) return
    withoutEndpoint.add(account)
    const message = 'Received something other than a receipt, and the account has no hand-on endpoint'
    telemetry.warn(message, { channelId, channelAccountId })
  }

  function answer(statusCode: keyof typeof reasons, why: string, fields: object): HttpAnswer {
    telemetry.warn('Receipt rejected', { statusCode, why, ...fields })
    telemetry.count('ReceiptsRejected', 1, { reason: reasons[statusCode] })
    return statusCode === 400 ? json(400, { message: `Signed, but not understood: ${why}` }) : { statusCode, body: '' }
  }

  function requestOf(event: HttpEvent, ids: ReceiptIds) {
    return {
      method: event.requestContext.http.method,
      url: calledUrl(event, receiptsPath(ids), deps.publicBaseUrl),
      urlByHost: calledUrl(event, receiptsPath(ids), undefined),
      header: (name: string) => header(event, name),
      body: rawBody(event),
      now: now(),
    }
  }
}

/** What rejections are counted by. */
const reasons = { 400: 'unreadable', 401: 'signature', 404: 'unknown', 413: 'unreadable' } as const

/** In bytes. Meta's webhooks have up to 3 MB, and Lambda takes no more than 6 MB, in base64. */
const maxRequestBytes = 4 * 1024 * 1024

type Common = ReceiptIds & Pick<StatusUpdate, 'source' | 'traceId' | 'verifiedBy'>
type Statuses = Extract<Receipt, { kind: 'statuses' }>

function idsOf({ pathParameters }: HttpEvent): ReceiptIds | undefined {
  const channelId = Digits.safeParse(pathParameters?.['channelId']).data
  const channelAccountId = Id.optional().safeParse(pathParameters?.['channelAccountId'])
  if (channelId === undefined || !channelAccountId.success) return undefined
  return { channelId, ...(channelAccountId.data !== undefined && { channelAccountId: channelAccountId.data }) }
}

const isThere = (entry: readonly [string, string | undefined]): entry is readonly [string, string] =>
  entry[1] !== undefined

const channelOf = ({ channelId, channelAccountId, source }: Common) => ({ channelId, channelAccountId, source })
