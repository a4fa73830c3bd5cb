import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import * as z from 'zod'
import { Digits, Id } from '../../messages/ids.ts'
import { loggedName } from '../../platform/field-name.ts'
import { parseJsonExactly, wholeNumber } from '../../platform/json.ts'
import { problems } from '../../platform/problems.ts'
import type { Receipt, ReceiptAdapter, ReceiptRequest, ReceivedStatus } from '../provider.ts'
import { ForwardAccount } from './account.ts'

/** What the team's own service posts, once it has later news of a message. */
export const ForwardReceipt = z.object({
  type: z.literal('message.status'),
  timestamp: z.unknown().optional(),
  data: z.object({
    portalId: Digits,
    messageId: Id,
    status: z.enum(['sent', 'failed', 'delivered', 'read']),
    // No status is lost by the form of these.
    reason: z.unknown().optional(),
    code: z.unknown().optional(),
    providerMessageId: z.unknown().optional(),
  }),
})

/** Receipts from the team's own service, signed by Standard Webhooks. Without delivery, also its way to send statuses over HTTP. */
export const forward: ReceiptAdapter<ForwardAccount> = {
  account: ForwardAccount,

  receive(request, { secrets }) {
    const whys = secrets.map((secret) => signatureProblem(request, secret))
    if (!whys.includes(undefined)) return { kind: 'rejected', why: whys[0] ?? 'no secret' }
    return read(request.body)
  },
}

/** Why a request is not signed with a secret; undefined where it is. */
function signatureProblem({ header, body }: ReceiptRequest, secret: string) {
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
  const headers = Object.fromEntries(names.map((name) => [name, header(name) ?? '']))
  try {
    new Webhook(secret).verify(Buffer.from(body), headers, { jsonParse: false })
    return undefined
  } catch (error) {
    return error instanceof WebhookVerificationError ? error.message : 'not verifiable'
  }
}

/** The names in a document that its schema did not take over. */
function dropped(document: unknown, taken: object, prefix = '') {
  return Object.keys(Object(document)).flatMap((name) => (name in taken ? [] : [prefix + loggedName(name)]))
}

/** A receipt with its ids as texts, where they are whole numbers, and its status in small letters. */
function inUsualForm(document: unknown) {
  const { data, ...rest } = Object(document) as { data?: Record<string, unknown> }
  if (typeof data !== 'object' || data === null) return document
  const { portalId, messageId, status } = data
  return {
    ...rest,
    data: {
      ...data,
      portalId: wholeNumber(portalId) ?? portalId,
      messageId: wholeNumber(messageId) ?? messageId,
      status: typeof status === 'string' ? status.trim().toLowerCase() : status,
    },
  }
}

function read(bytes: Uint8Array): Receipt {
  const document = parseJsonExactly(Buffer.from(bytes).toString())
  if (document === undefined) return { kind: 'unreadable', problem: 'not JSON' }
  const body = ForwardReceipt.safeParse(inUsualForm(document))
  if (!body.success) return { kind: 'unreadable', problem: problems(body.error) }
  const { data, timestamp } = body.data
  const unknownFields = [...dropped(document, body.data), ...dropped(Object(document).data, data, 'data.')]
  return {
    kind: 'statuses',
    statuses: [{ ...data, occurredAt: timestamp } as ReceivedStatus],
    ignored: 0,
    ...(unknownFields.length > 0 && { unknownFields }),
  }
}
