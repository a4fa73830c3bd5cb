import * as z from 'zod'

const Env = z.object({
  APP_SECRET_ARN: z.string(),
  LEDGER_TABLE_NAME: z.string(),
  PORTALS_TABLE_NAME: z.string(),
  STATUS_UPDATES_QUEUE_URL: z.url(),
  STATUS_UPDATES_DEAD_LETTERS_URL: z.url(),
  HUBSPOT_BASE_URL: z.url(),
  HUBSPOT_API_VERSION: z.enum(['v3', '2026-03', '2026-09']),
  /** Requests per ten seconds and portal that the relay may use of HubSpot's limit. */
  HUBSPOT_REQUESTS_PER_10_SECONDS: z.string(),
  GIVE_UP_AFTER_SECONDS: z.string(),
})
export type Env = z.infer<typeof Env>
