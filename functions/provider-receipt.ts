import { about, Digits, Id, type StatusUpdate, version } from './messages/jobs.ts'
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
import type { Queue } from './platform/queue.ts'
import type { Telemetry } from './platform/telemetry.ts'
import type { createAccounts } from './providers/accounts.ts'
import type { Receipt, ReceiptFace } from './providers/provider.ts'

/** What `provider-receipt` works with. */
export type Deps = {
  accounts: ReturnType<typeof createAccounts<ReceiptFace<unknown>>>
  statusUpdates: Queue
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

/**
 * Takes providers' receipts, posted to `/receipts/{channelId}` or `/receipts/{channelId}/{channelAccountId}`: verifies
 * them with the secret that belongs to the URL, translates them, queues what they say.
 */
export function createHandler(deps: Deps) {
  const { accounts, statusUpdates, telemetry, now } = deps

  return httpHandler(telemetry, async (event) => {
    const ids = idsOf(event)
    if (!ids) return answer(404, 'a channel id is a number', {})
    if (rawBody(event).length > largestBody) return answer(413, 'larger than 1 MiB', ids)
    let found = await accounts.find(ids)
    if (!found) return answer(404, 'no secret for this channel', ids)
    let receipt = found.face.receive(request(event, ids), found.account)
    if (receipt.kind === 'refused') {
      // The secret may have been rotated since it was read.
      found = (await accounts.find(ids, { fresh: true })) ?? found
      receipt = found.face.receive(request(event, ids), found.account)
    }
    if (receipt.kind === 'refused') return answer(401, receipt.why, ids)
    if (receipt.kind === 'unreadable') return answer(400, receipt.problem, ids)
    if (receipt.kind === 'handshake') return { statusCode: 200, body: receipt.answer }
    return accept(receipt, ids, found.provider, event.requestContext.requestId)
  })

  async function accept(
    receipt: Extract<Receipt, { kind: 'statuses' }>,
    ids: Ids,
    source: string,
    traceId: string,
  ): Promise<HttpAnswer> {
    const updates = receipt.statuses.map((status): StatusUpdate => ({ v: version, ...ids, ...status, source, traceId }))
    await Promise.all(updates.map((update) => statusUpdates.send(update, { group: update.portalId })))
    for (const update of updates) telemetry.info('Receipt queued', { ...about(update), source })
    telemetry.count('ReceiptsAccepted', updates.length)
    telemetry.count('ReceiptsIgnored', receipt.ignored)
    return { statusCode: 204 }
  }

  function answer(statusCode: number, why: string, fields: object): HttpAnswer {
    telemetry.warn('Receipt refused', { statusCode, why, ...fields })
    telemetry.count('ReceiptsRefused')
    return statusCode === 400 ? json(400, { message: `Signed, but not understood: ${why}` }) : { statusCode, body: '' }
  }

  function request(event: HttpEvent, { channelId, channelAccountId }: Ids) {
    const path = `/receipts/${channelId}${channelAccountId === undefined ? '' : `/${encodeURIComponent(channelAccountId)}`}`
    return {
      method: event.requestContext.http.method,
      url: calledUrl(event, path, deps.publicBaseUrl),
      header: (name: string) => header(event, name),
      body: rawBody(event),
      now: now(),
    }
  }
}

type Ids = { channelId: string; channelAccountId?: string | undefined }

function idsOf({ pathParameters }: HttpEvent): Ids | undefined {
  const channelId = Digits.safeParse(pathParameters?.['channelId']).data
  const channelAccountId = Id.optional().safeParse(pathParameters?.['channelAccountId'])
  return channelId !== undefined && channelAccountId.success
    ? { channelId, channelAccountId: channelAccountId.data }
    : undefined
}
