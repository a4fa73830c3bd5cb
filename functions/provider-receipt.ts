import { about, Digits, type HandOnJob, Id, type StatusUpdate, version } from './messages/jobs.ts'
import { cleanReason } from './messages/reasons.ts'
import {
  calledUrl,
  type HttpAnswer,
  type HttpEvent,
  header,
  httpHandler,
  json,
  largestBody,
  rawBody,
} from './platform/http-event.ts'
import { gzip, type Queue } from './platform/queue.ts'
import type { Telemetry } from './platform/telemetry.ts'
import type { Accounts } from './providers/accounts.ts'
import type { HandOn, Receipt, ReceiptFace } from './providers/provider.ts'
import { receiptsPath } from './providers/receipts-path.ts'

/** What `provider-receipt` works with. */
export type Deps = {
  accounts: Accounts<ReceiptFace<unknown> | undefined>
  statusUpdates: Queue
  /** What is to be handed on. */
  handOns: Queue
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

/**
 * Takes providers' receipts, posted to `/receipts/{channelId}` or `/receipts/{channelId}/{channelAccountId}`: verifies
 * them with the secret that belongs to the URL, translates them, queues what they say, and what else is to be handed on.
 */
export function createHandler(deps: Deps) {
  const { accounts, statusUpdates, handOns, telemetry, now } = deps
  const withoutPlace = new Set<string>()

  return httpHandler(telemetry, async (event) => {
    const ids = idsOf(event)
    const traceId = event.requestContext.requestId
    const refuse = (statusCode: number, why: string) => answer(statusCode, why, { ...ids, traceId })
    if (!ids) return refuse(404, 'a channel id is a number')
    if (rawBody(event).length > largestBody) return refuse(413, 'larger than 1 MiB')
    let found = await accounts.find(ids)
    if (!found) return refuse(404, 'no secret for this channel')
    let receipt = read(event, ids, found)
    if (receipt?.kind === 'refused') {
      // The secret may have been rotated since it was read.
      found = (await accounts.find(ids, { fresh: true })) ?? found
      receipt = read(event, ids, found)
    }
    if (!receipt) return refuse(404, 'this provider sends no receipts')
    if (receipt.kind === 'refused') return refuse(401, receipt.why)
    if (receipt.kind === 'handshake') return shakeHands(receipt.answer, ids)
    countSecret(event, ids, found)
    if (receipt.kind === 'unreadable') return refuse(400, receipt.problem)
    const { provider: source, face, account } = found
    await Promise.all([
      accept(receipt, ids, source, traceId),
      receipt.handOn && handOn(receipt.handOn, event, { ...ids, traceId }, face?.handOnTo?.(account)),
    ])
    return { statusCode: 204 }
  })

  function read(event: HttpEvent, ids: Ids, { face, account }: Found) {
    return face?.receive(request(event, ids), account)
  }

  /** While two secrets verify, says which did: the previous one has to stay for as long as it is used. */
  function countSecret(event: HttpEvent, ids: Ids, { id, face, account }: Found) {
    const withoutPrevious = face?.withoutPrevious?.(account)
    if (withoutPrevious === undefined) return
    const isNeeded = read(event, ids, { id, face, account: withoutPrevious })?.kind === 'refused'
    telemetry.count(isNeeded ? 'ReceiptsByPreviousSecret' : 'ReceiptsByCurrentSecret', 1, { account: id })
  }

  function shakeHands(body: string, ids: Ids): HttpAnswer {
    telemetry.info('Handshake answered', ids)
    return { statusCode: 200, headers: { 'content-type': 'text/plain' }, body }
  }

  async function accept({ statuses, ignored }: Statuses, ids: Ids, source: string, traceId: string) {
    const updates = statuses.map((status): StatusUpdate => {
      const reason = status.reason === undefined ? undefined : cleanReason(status.reason)
      return { v: version, ...status, ...ids, reason, source, traceId }
    })
    await Promise.all(updates.map((update) => statusUpdates.send(update, { group: update.portalId })))
    for (const update of updates) telemetry.info('Receipt queued', { ...about(update), source })
    telemetry.count('ReceiptsAccepted', updates.length)
    telemetry.count('ReceiptsIgnored', ignored)
  }

  async function handOn(
    { entries, headers: names }: HandOn,
    event: HttpEvent,
    ids: Ids & { traceId: string },
    to: string | undefined,
  ) {
    if (to === undefined) return withoutPlaceFor(entries, ids)
    const headers = Object.fromEntries(names.flatMap((name) => [[name, header(event, name)] as const].filter(isThere)))
    const job: HandOnJob = { v: version, ...ids, headers, body: gzip(rawBody(event)) }
    await handOns.send(job, { group: ids.channelId })
    telemetry.info('Queued to be handed on', { ...about(job), entries })
    telemetry.count('EntriesHandedOn', entries)
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

type Found = { id: string; face: ReceiptFace<unknown> | undefined; account: unknown }
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
