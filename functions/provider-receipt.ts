import type { VerifiedBy } from './messages/authority.ts'
import { about, Digits, type HandOnJob, Id, StatusUpdate, version } from './messages/jobs.ts'
import { cleanReason } from './messages/reasons.ts'
import { fingerprintOf } from './platform/hmac.ts'
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
import type { Accounts, Provider } from './providers/accounts.ts'
import type { HandedOn, HandOn, Receipt, ReceiptAdapter } from './providers/provider.ts'
import { receiptKeys } from './providers/receipt-keys.ts'
import { receiptsPath } from './providers/receipts-path.ts'

/** What `provider-receipt` works with. */
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
 * them with a secret that belongs to the URL, translates them, queues what they say, and what else is to be handed on.
 */
export function createHandler(deps: Deps) {
  const { accounts, statusUpdates, handOns, telemetry, now } = deps
  const withoutPlace = new Set<string>()

  return httpHandler(telemetry, async (event) => {
    const ids = idsOf(event)
    const traceId = event.requestContext.requestId
    const refuse = (statusCode: number, why: string) => answer(statusCode, why, { ...ids, traceId })
    if (!ids) return refuse(404, 'a channel id is a number')
    if (rawBody(event).length > largestRequest) return refuse(413, 'larger than 4 MiB')
    let received = await receive(event, ids)
    if (!received) return refuse(404, 'no secret for this channel')
    // The secret may have been rotated since it was read.
    if (received.receipt?.kind === 'refused') received = (await receive(event, ids, { fresh: true })) ?? received
    const { receipt, found } = received
    if (!receipt) return refuse(404, 'this provider sends no receipts')
    if (receipt.kind === 'refused') return refuse(401, receipt.why)
    if (receipt.kind === 'handshake') return shakeHands(receipt.answer, ids)
    const verifiedBy = verifierOf(event, ids, found)
    if (receipt.kind === 'unreadable') return refuse(400, receipt.problem)
    await Promise.all([
      accept(receipt, { ...ids, source: found.provider, traceId, verifiedBy }),
      receipt.handOn && handOn(receipt.handOn, event, { ...found.ids, traceId }, found),
    ])
    return { statusCode: 204 }
  })

  /**
   * By the account's own secret, else by its channel's: messages that went out before the account had one of its own have
   * receipts of the channel's. Whose word counts for a message, update-status decides.
   */
  async function receive(event: HttpEvent, ids: Ids, options?: { fresh: boolean }) {
    const { channelId } = ids
    let first: { found: Found; receipt: Receipt | undefined } | undefined
    for (const names of ids.channelAccountId === undefined ? [ids] : [ids, { channelId }]) {
      const account = await accounts.find(names, options)
      if (!account || account.id === first?.found.id) continue
      const found = { ...account, ids: first ? names : ids }
      const receipt = read(event, ids, found)
      if (receipt && receipt.kind !== 'refused') return { found, receipt }
      first ??= { found, receipt }
    }
    return first
  }

  function read(event: HttpEvent, ids: Ids, { adapter, account }: Pick<Found, 'adapter' | 'account'>) {
    return adapter?.receive(request(event, ids), account)
  }

  /** What verifies a request. Of two keys it is counted which: the previous one has to stay for as long as it is used. */
  function verifierOf(event: HttpEvent, ids: Ids, { id, provider, adapter, account }: Found): VerifiedBy {
    const ring = receiptKeys[provider]
    const keys = ring?.keys(account) ?? []
    const verifies = (key: string) =>
      read(event, ids, { adapter, account: ring!.withOnly(account, key) })?.kind !== 'refused'
    const key = keys.length > 1 ? keys.find(verifies) : keys[0]
    if (keys.length > 1) {
      const metric = key === keys[0] ? 'ReceiptsByCurrentSecret' : 'ReceiptsByPreviousSecret'
      telemetry.count(metric, 1, { account: id })
    }
    return { secret: id, key: key === undefined ? '' : fingerprintOf(key) }
  }

  function shakeHands(body: string, ids: Ids): HttpAnswer {
    telemetry.info('Handshake answered', ids)
    return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body }
  }

  async function accept(
    { statuses, ignored, failures = [], strangers = [], unknownFields = [] }: Statuses,
    common: Common,
  ) {
    const updates = statuses.map((status) => inOurForm({ v: version, ...status, ...common }))
    await Promise.all(updates.map((update) => statusUpdates.send(update, { group: update.portalId })))
    for (const update of updates) telemetry.info('Receipt queued', { ...about(update), source: common.source })
    noteFailures(failures, common)
    if (strangers.length > 0)
      telemetry.info('Failed messages without our ids', {
        ...placeOf(common),
        providerMessageIds: strangers.slice(0, 20),
      })
    telemetry.count('ReceiptsAccepted', updates.length)
    telemetry.count('ReceiptsIgnored', ignored)
    if (unknownFields.length === 0) return
    const fields = unknownFields.slice(0, 5)
    telemetry.warn('A receipt has fields that are not known', { ...placeOf(common), fields })
    telemetry.count('ReceiptFieldsUnknown', unknownFields.length)
  }

  /** What a sender of its own may have written in another form is repaired or dropped, so that no status is lost by it. */
  function inOurForm(update: StatusUpdate): StatusUpdate {
    const { unexpected = [], ...read }: StatusUpdate = StatusUpdate.safeParse(update).data ?? update
    for (const field of unexpected) telemetry.count('UnexpectedUpdateFields', 1, { field })
    return { ...read, reason: read.reason === undefined ? undefined : cleanReason(read.reason) }
  }

  function noteFailures(failures: NonNullable<Statuses['failures']>, { verifiedBy: _, source, ...ids }: Common) {
    for (const { code, verdict } of failures) {
      if (verdict === 'set-up') {
        telemetry.warn('The provider does not accept the account', { ...ids, source, code })
        telemetry.count('SetUpFaults')
      }
      if (verdict !== undefined) continue
      telemetry.warn('A code that is in no table', { provider: source, code: code.slice(0, 64) })
      telemetry.count('UnknownCodes', 1, { code: `${source} ${code.slice(0, 64)}` })
    }
  }

  async function handOn(
    { entries, headers: names }: HandOn,
    event: HttpEvent,
    ids: Ids & { traceId: string },
    { adapter, account }: Found,
  ) {
    if (adapter?.handOnTo?.(account) === undefined) return withoutPlaceFor(entries, ids)
    const headers = Object.fromEntries(names.flatMap((name) => [[name, header(event, name)] as const].filter(isThere)))
    await queue({ headers, body: rawBody(event) })
    telemetry.info('Queued to be handed on', { ...ids, entries })
    telemetry.count('EntriesHandedOn', entries)

    /** As it came, if it fits into SQS; else in as many requests as it takes, each as the provider would have made it. */
    async function queue({ headers, body }: HandedOn): Promise<void> {
      const job: HandOnJob = { v: version, ...ids, headers, body: gzip(body) }
      try {
        await handOns.send(job, { group: ids.channelId })
      } catch (error) {
        const parts = error instanceof TooLargeForQueue ? adapter?.split?.({ headers, body }, account) : undefined
        if (!parts) throw error
        for (const part of parts) await queue(part)
      }
    }
  }

  /** Counted each time, said once: who wants those messages sees it, and who does not is not flooded. */
  function withoutPlaceFor(entries: number, { channelId, channelAccountId }: Ids) {
    telemetry.count('EntriesNotHandedOn', entries)
    const account = channelAccountId ?? channelId
    if (withoutPlace.has(account)) return
    withoutPlace.add(account)
    const message = 'What is no receipt comes here, and the account names no place to hand it on to'
    telemetry.warn(message, { channelId, channelAccountId })
  }

  function answer(statusCode: number, why: string, fields: object): HttpAnswer {
    telemetry.warn('Receipt refused', { statusCode, why, ...fields })
    telemetry.count('ReceiptsRefused')
    return statusCode === 400 ? json(400, { message: `Signed, but not understood: ${why}` }) : { statusCode, body: '' }
  }

  function request(event: HttpEvent, ids: Ids) {
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

/** In bytes. Meta's webhooks have up to 3 MB, and Lambda takes no more than 6 MB, in base64. */
const largestRequest = 4 * 1024 * 1024

type Found = {
  /** The ids by which what is handed on finds this account again. */
  ids: Ids
  id: string
  provider: Provider
  adapter: ReceiptAdapter<unknown> | undefined
  account: unknown
}
type Common = Ids & Pick<StatusUpdate, 'source' | 'traceId' | 'verifiedBy'>
type Statuses = Extract<Receipt, { kind: 'statuses' }>

/** What a request's URL tells. What it leaves open is left to the receipt; over what it tells, a receipt has no say. */
type Ids = { channelId: string; channelAccountId?: string }

function idsOf({ pathParameters }: HttpEvent): Ids | undefined {
  const channelId = Digits.safeParse(pathParameters?.['channelId']).data
  const channelAccountId = Id.optional().safeParse(pathParameters?.['channelAccountId'])
  if (channelId === undefined || !channelAccountId.success) return undefined
  return { channelId, ...(channelAccountId.data !== undefined && { channelAccountId: channelAccountId.data }) }
}

const isThere = (entry: readonly [string, string | undefined]): entry is readonly [string, string] =>
  entry[1] !== undefined

const placeOf = ({ channelId, channelAccountId, source }: Common) => ({ channelId, channelAccountId, source })
