import * as z from 'zod'
import { pasted } from '../../platform/pasted.ts'
import { Reasons } from '../catalogue.ts'
import { Country } from '../country.ts'
import { Endpoint } from '../endpoint.ts'
import { sentOn, type Truth } from '../provider.ts'

/** What receipts say depends on the channel: `read` comes for WhatsApp and RCS alone, `delivered` where the carrier tells. */
export const truth: Truth = {
  sent: true,
  delivered: true,
  read: true,
  failed: true,
  sentMeans: 'Twilio has handed the message to the carrier or to WhatsApp; it may not have reached the phone yet.',
}

const Token = pasted().regex(/^\w{32,64}$/)

/** The secret of a channel whose messages go over Twilio's Programmable Messaging. */
export const TwilioAccount = z
  .object({
    provider: z.literal('twilio'),
    accountSid: pasted().regex(/^AC[\da-f]{32}$/i),
    /** The primary auth token, which signs receipts, and the one before or after it while it is rotated: either verifies. */
    authTokens: z.tuple([Token]).rest(Token),
    /** Sends in place of the auth token, where there is one. */
    apiKey: z
      .object({
        sid: pasted().regex(/^SK[\da-f]{32}$/i),
        secret: pasted().regex(/^\w{16,128}$/),
      })
      .optional(),
    /** How customers are reached: it is put before `to` and `from`, which are given without it. */
    channel: z.enum(['sms', 'whatsapp', 'rcs']).default('sms'),
    /** A phone number, short code, sender id or RCS sender; or else a Messaging Service. */
    from: pasted()
      .regex(/^[^:\s][^:]{0,63}$/)
      .optional(),
    messagingServiceSid: pasted()
      .regex(/^MG[\da-f]{32}$/i)
      .optional(),
    country: Country,
    sentOn: sentOn(truth, 'sent'),
    reasons: Reasons,
    baseUrl: Endpoint.default('https://api.twilio.com'),
  })
  .refine(
    ({ from, messagingServiceSid }) => (from === undefined) !== (messagingServiceSid === undefined),
    'either from or messagingServiceSid is needed',
  )
export type TwilioAccount = z.infer<typeof TwilioAccount>
