import * as z from 'zod'
import { Digits } from './ids.ts'

// By itself: the webhook asks this of a job, and would have all schemas of jobs made, at each cold start, for nothing.
const About = z
  .object({
    portalId: z.string(),
    channelId: z.string(),
    channelAccountId: z.string(),
    messageId: z.string(),
    eventId: z.string(),
    status: z.string(),
    traceId: z.string(),
  })
  .partial()

/** What a log line says of a job: its ids, nothing of its content. Never throws, whatever it is given. */
export function about(body: unknown) {
  return About.safeParse(body).data ?? {}
}

/** Whose job it is: the portal, for SQS's fair queues, which take no other names than these. */
export function tenantOf(body: unknown) {
  return Digits.safeParse(about(body).portalId).data ?? 'unknown'
}
