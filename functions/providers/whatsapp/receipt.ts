import * as z from 'zod'
import { equalInConstantTime } from '../../platform/hmac.ts'
import { parseJson } from '../../platform/json.ts'
import { reasonFor } from '../catalogue.ts'
import type { Receipt, ReceiptAdapter, ReceiptRequest, ReceivedStatus } from '../provider.ts'
import { channelIn } from '../receipts-path.ts'
import { NumericCode } from '../verdict.ts'
import { WhatsAppAccount } from './account.ts'
import { referenceFrom } from './callback-data.ts'
import { halvesOf } from './halves.ts'
import { keptId } from './message-id.ts'
import { catalogue, detailIn, verdicts } from './reasons.ts'
import { sign, verify } from './signature.ts'

// What a body holds varies with Meta's versions, and one entry that we cannot read must not take others with it.
const Body = z.object({
  entry: z.array(z.looseObject({ changes: z.array(z.unknown()).catch([]) }).catch({ changes: [] })),
})
const Change = z.object({
  field: z.literal('messages'),
  value: z.looseObject({ statuses: z.array(z.unknown()) }),
})

const optionalText = z.string().optional().catch(undefined)
const Status = z.object({
  /** Statuses of payments look like those of messages. */
  type: z.literal('message').nullish(),
  status: z
    .string()
    .toLowerCase()
    .pipe(z.enum(['sent', 'delivered', 'read', 'played', 'failed'])),
  id: z.string().max(512).optional().catch(undefined),
  timestamp: z.coerce
    .string()
    .regex(/^\d{10}$/)
    .transform(Number)
    .optional()
    .catch(undefined),
  errors: z
    .array(
      z
        .object({
          code: NumericCode.optional().catch(undefined),
          title: optionalText,
          message: optionalText,
          error_data: z.unknown().optional(),
        })
        .optional()
        .catch(undefined),
    )
    .optional()
    .catch(undefined),
  biz_opaque_callback_data: z.string().max(512),
})

/**
 * Webhooks of the WhatsApp Cloud API. Meta posts customers' messages, and all other news of the account, to the same URL:
 * what is no status is handed on.
 */
export const whatsapp: ReceiptAdapter<WhatsAppAccount> = {
  account: WhatsAppAccount,

  receive(request, account) {
    if (request.method === 'GET') return handshake(request, account)
    const why = signatureProblem(request, account)
    if (why !== undefined) return { kind: 'rejected', why }
    const body = Body.safeParse(parseJson(Buffer.from(request.body).toString())).data
    if (!body) return { kind: 'unreadable', problem: 'not a webhook of the WhatsApp Business Platform' }

    const changes = body.entry.flatMap((entry) => entry.changes)
    const values = changes.map((change) => Change.safeParse(change).data?.value)
    const items = values.flatMap((value) => value?.statuses ?? [])
    const told = items.flatMap((item) => statusOf(item, request, account) ?? [])
    const statuses: ReceivedStatus[] = told
    const unmatched = items.flatMap((item) => unmatchedFailure(item) ?? [])
    const failures = told.flatMap(({ code }) => (code === undefined ? [] : { code, verdict: verdicts.get(code) }))
    const entries = values.filter((value) => !value || 'messages' in value || 'errors' in value).length
    const handOn = { entries, headers: handedOn }
    return {
      kind: 'statuses',
      statuses,
      ignored: items.length - statuses.length,
      ...(failures.length > 0 && { failures }),
      ...(unmatched.length > 0 && { unmatched }),
      ...(entries > 0 && { handOn }),
    }
  },

  handOnTo: ({ handOnTo }) => handOnTo,

  split({ headers, body }, account) {
    const halves = halvesOf(parseJson(Buffer.from(body).toString()))
    return halves?.map((half) => {
      const bytes = Buffer.from(JSON.stringify(half))
      return { headers: { ...without(headers, signatures), ...signatureOf(bytes, account) }, body: bytes }
    })
  },
}

const signatures = ['x-hub-signature-256', 'x-hub-signature', 'x-360dialog-signature']

/** By these the next in line can verify what it is handed. */
const handedOn = ['content-type', 'user-agent', ...signatures]

/** A signature by which the next in line can verify what Meta, or 360dialog, has signed only as a part of a larger body. */
function signatureOf(body: Uint8Array, account: WhatsAppAccount): Record<string, string> {
  if ('appSecrets' in account) return { 'x-hub-signature-256': sign(body, account.appSecrets[0]) }
  const [secret] = account.platformSecrets ?? []
  return secret === undefined ? {} : { 'x-360dialog-signature': sign(body, secret).replace('sha256=', '') }
}

const without = (headers: Record<string, string>, names: string[]) =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)))

/** Meta's question whether this URL is ours. 360dialog asks none. */
function handshake({ url }: ReceiptRequest, account: WhatsAppAccount): Receipt {
  const query = URL.parse(url)?.searchParams
  const token = query?.get('hub.verify_token') ?? ''
  const answer = query?.get('hub.challenge') ?? ''
  const isOurs = 'verifyToken' in account && equalInConstantTime(token, account.verifyToken)
  if (!isOurs || query?.get('hub.mode') !== 'subscribe') return { kind: 'rejected', why: 'another verify token' }
  return { kind: 'handshake', answer }
}

/** Why a request does not come from the account's service; undefined where it does. */
function signatureProblem({ header, body }: ReceiptRequest, account: WhatsAppAccount) {
  if ('appSecrets' in account) return unsigned('x-hub-signature-256', account.appSecrets)
  if (account.platformSecrets) return unsigned('x-360dialog-signature', account.platformSecrets)
  const { name, secrets } = account.webhookHeader ?? { name: '', secrets: [] }
  const given = header(name)
  return given !== undefined && secrets.some((secret) => equalInConstantTime(given, secret))
    ? undefined
    : `no ${name} header with the right value`

  function unsigned(name: string, secrets: string[]) {
    const signature = header(name)
    if (signature === undefined) return `no ${name}`
    return secrets.some((secret) => verify(body, signature, secret)) ? undefined : `another ${name}`
  }
}

/** The id of a message that failed and names no reference: another system's, or one whose reference Meta left out. */
function unmatchedFailure(item: unknown) {
  const { id, status, biz_opaque_callback_data } = Stranger.safeParse(item).data ?? {}
  return status === 'failed' && biz_opaque_callback_data === undefined && id !== undefined ? keptId(id) : undefined
}

const Stranger = z.object({
  id: z.string().max(512),
  status: z.string(),
  biz_opaque_callback_data: z.unknown().optional(),
})

/** A status of a message of ours, sent over the channel that the request is for; undefined for any other. */
function statusOf(
  item: unknown,
  { url, now }: ReceiptRequest,
  account: WhatsAppAccount,
): (ReceivedStatus & { code?: string }) | undefined {
  const { data } = Status.safeParse(item)
  const reference = data && referenceFrom(data.biz_opaque_callback_data)
  if (!reference || reference.channelId !== channelIn(url)) return undefined
  if (data.status === 'sent' && account.sentOn === 'delivered') return undefined

  const { channelId: _, ...ids } = reference
  const { id, timestamp = now / 1000, errors = [] } = data
  const occurredAt = new Date(Math.floor(timestamp * 1000)).toISOString()
  const status = data.status === 'played' ? 'read' : data.status
  const known = { ...ids, status, providerMessageId: id && keptId(id), occurredAt }
  if (status !== 'failed') return known
  const some = errors.filter((error) => error !== undefined)
  const { code, message, title = message, error_data } = some.find(({ code }) => code !== undefined) ?? some[0] ?? {}
  const detail = detailIn(error_data)
  const reason = reasonFor(code, { own: account.reasons, catalogue, title: title?.slice(0, 300), detail })
  return { ...known, reason, ...(code !== undefined && { code: `${code}` }) }
}
