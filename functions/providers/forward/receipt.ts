import { Webhook } from 'standardwebhooks'
import * as z from 'zod'
import { parseJson } from '../../platform/json.ts'
import { problems } from '../../platform/problems.ts'
import type { Receipt, ReceiptFace, ReceiptRequest } from '../provider.ts'
import { ForwardAccount } from './account.ts'

const Body = z.object({
  type: z.literal('message.status'),
  timestamp: z.iso.datetime({ offset: true }),
  data: z.object({
    portalId: z.string().regex(/^\d{1,20}$/),
    messageId: z.string().min(1).max(512),
    status: z.enum(['sent', 'failed', 'delivered', 'read']),
    reason: z.string().max(2000).optional(),
    providerMessageId: z.string().max(512).optional(),
  }),
})

/** Receipts from the team's own service, signed by Standard Webhooks. Without delivery, also its way to send statuses over HTTP. */
export const forward: ReceiptFace<ForwardAccount> = {
  account: ForwardAccount,

  receive(request, { secrets }) {
    const refusals = secrets.map((secret) => refusal(request, secret))
    if (!refusals.includes(undefined)) return { kind: 'refused', why: refusals[0] ?? 'no secret' }
    return read(request.body)
  },
}

/** Why a request is not signed with a secret; undefined where it is. */
function refusal({ header, body }: ReceiptRequest, secret: string) {
  const names = ['webhook-id', 'webhook-timestamp', 'webhook-signature']
  const headers = Object.fromEntries(names.map((name) => [name, header(name) ?? '']))
  try {
    new Webhook(secret).verify(Buffer.from(body), headers, { jsonParse: false })
    return undefined
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown'
  }
}

function read(bytes: Uint8Array): Receipt {
  const document = parseJson(Buffer.from(bytes).toString())
  if (document === undefined) return { kind: 'unreadable', problem: 'not JSON' }
  const body = Body.safeParse(document)
  if (!body.success) return { kind: 'unreadable', problem: problems(body.error) }
  return { kind: 'statuses', statuses: [{ ...body.data.data, occurredAt: body.data.timestamp }], ignored: 0 }
}
