import * as z from 'zod'

const Env = z.object({
  APP_SECRET_ARN: z.string(),
  DELIVERIES_QUEUE_URL: z.url(),
  DELIVERIES_DEAD_LETTERS_URL: z.url(),
  PUBLIC_BASE_URL: z.url().optional(),
})
export type Env = z.infer<typeof Env>
