import * as z from 'zod'
import { pasted } from '../../platform/pasted.ts'
import { Endpoint } from '../endpoint.ts'
import type { Truth } from '../provider.ts'

/** The endpoint can say all there is to say. */
export const truth: Truth = {
  sent: true,
  delivered: true,
  read: true,
  failed: true,
  sentMeans: 'What your endpoint means by it: a 2xx answer, or the status that it gives.',
}

const Secret = pasted().regex(/^whsec_[A-Za-z0-9+/]{32,}={0,2}$/)

/** The secret of a channel whose messages go to the team's own endpoint. */
export const ForwardAccount = z.object({
  provider: z.literal('forward'),
  url: Endpoint,
  /** `job`: the relay's own format, Standard Webhooks signed. `hubspot`: HubSpot's body, signed as HubSpot signs. */
  format: z.enum(['job', 'hubspot']).default('job'),
  /** Standard Webhooks secrets: the first signs what goes out, any of them verifies receipts, so that they can be rotated. */
  secrets: z.tuple([Secret], Secret),
})
export type ForwardAccount = z.infer<typeof ForwardAccount>
