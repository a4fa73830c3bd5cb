import * as z from 'zod'
import { pasted } from '../../platform/pasted.ts'
import { Reasons } from '../catalogue.ts'
import { Endpoint } from '../endpoint.ts'
import { sentOn, type Truth } from '../provider.ts'

/** LINE says whether it took a message, and nothing after that, not even that the customer has blocked the account. */
export const truth: Truth = {
  sent: false,
  delivered: false,
  read: false,
  failed: false,
  sentMeans:
    'LINE has taken the message. It never reaches a customer who has blocked the account, and LINE does not say so.',
}

/** The secret of a channel whose messages a LINE Official Account sends. */
export const LineAccount = z.object({
  provider: z.literal('line'),
  /** It becomes a header: printable ASCII without spaces. */
  channelAccessToken: pasted().regex(/^[\x21-\x7e]+$/),
  sentOn: sentOn(truth, 'accepted'),
  /** By the beginning of LINE's own words, which it has in place of codes. */
  reasons: Reasons,
  baseUrl: Endpoint.default('https://api.line.me'),
})
export type LineAccount = z.infer<typeof LineAccount>
