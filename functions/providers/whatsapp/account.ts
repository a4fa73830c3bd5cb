import * as z from 'zod'
import { pasted } from '../../platform/pasted.ts'
import { Reasons } from '../catalogue.ts'
import { Country } from '../country.ts'
import { Endpoint } from '../endpoint.ts'
import { sentOn, type Truth } from '../provider.ts'

/** Meta says all there is to say, but `read` only where the customer lets others know. */
export const truth: Truth = {
  sent: true,
  delivered: true,
  read: true,
  failed: true,
  sentMeans: 'WhatsApp has sent the message on its way; it may not have reached the phone yet.',
}

/** Printable ASCII without spaces: what an HTTP header can carry. */
const Token = pasted().regex(/^[\x21-\x7e]+$/)

/** A secret and, while it is rotated, the one before: either verifies. */
const Secrets = z.tuple([pasted().min(1)]).rest(pasted().min(1))

const common = {
  provider: z.literal('whatsapp'),
  country: Country,
  sentOn: sentOn(truth, 'sent'),
  reasons: Reasons,
  /** Where customers' messages, and whatever else is no status, are handed on to: Meta posts them to the same URL. */
  handOnTo: Endpoint.optional(),
}

/** A phone number at Meta. */
const MetaAccount = z.object({
  ...common,
  phoneNumberId: pasted().regex(/^\d{1,32}$/),
  accessToken: Token,
  /** What Meta signs webhooks with. */
  appSecrets: Secrets,
  /** What Meta shows when it asks whether the webhook's URL is ours. */
  verifyToken: pasted().min(1),
  graphVersion: z
    .string()
    .regex(/^v\d{1,3}\.\d$/)
    .default('v25.0'),
  baseUrl: Endpoint.default('https://graph.facebook.com'),
})

/** A phone number at 360dialog, which speaks Meta's language at a URL of its own and does not pass Meta's signature on. */
const Dialog360Account = z
  .object({
    ...common,
    apiKey: Token,
    /** What 360dialog signs the webhooks of its partners with. */
    platformSecrets: Secrets.optional(),
    /** The header, with a secret for its value, that the webhook was given at 360dialog. */
    webhookHeader: z
      .object({
        name: pasted()
          .regex(/^[\w-]+$/)
          .toLowerCase(),
        secrets: Secrets,
      })
      .optional(),
    baseUrl: Endpoint.default('https://waba-v2.360dialog.io'),
  })
  .refine(
    ({ platformSecrets, webhookHeader }) => platformSecrets || webhookHeader,
    'platformSecrets or webhookHeader is needed: without either, anybody could post receipts',
  )

/** The secret of a channel whose messages go over the WhatsApp Cloud API, at Meta or at 360dialog. */
export const WhatsAppAccount = z.union([MetaAccount, Dialog360Account])
export type WhatsAppAccount = z.infer<typeof WhatsAppAccount>
