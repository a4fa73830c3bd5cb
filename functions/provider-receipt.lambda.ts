import * as z from 'zod'

const Env = z.object({
  CHANNEL_SECRETS_PREFIX: z.string(),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  PUBLIC_BASE_URL: z.url().optional(),
})
export type Env = z.infer<typeof Env>
