import * as z from 'zod'

const Env = z.object({
  APP_SECRET_ARN: z.string(),
  CHANNEL_SECRETS_PREFIX: z.string(),
  LEDGER_TABLE_NAME: z.string(),
  DELIVERIES_QUEUE_URL: z.url(),
  DELIVERIES_DEAD_LETTERS_URL: z.url(),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  PUBLIC_BASE_URL: z.url().optional(),
  /** How long a send whose outcome is unknown waits for a receipt before it counts as failed. */
  UNCONFIRMED_AFTER_SECONDS: z.string(),
  GIVE_UP_AFTER_SECONDS: z.string(),
})
export type Env = z.infer<typeof Env>
