import { eventFields } from '../../functions/hubspot/event-fields.ts'
import { metrics } from '../operations/metrics.ts'
import type { Deployment } from './deployment.ts'
import { type Finding, well } from './findings.ts'
import type { Monitoring } from './monitoring.ts'

/** What in HubSpot's events was not as documented, in the last 24 hours: nothing that anybody has to fix. */
export async function checkEvents({ monitoring }: Pick<Deployment, 'monitoring'>): Promise<Finding[]> {
  if (!monitoring) return []
  const since = Date.now() - 86_400_000
  const { of } = metrics.UnexpectedFields
  const counts = await Promise.all(
    eventFields.map(async (field) => ({
      field,
      count: await monitoring.sumSince(of[0], 'UnexpectedFields', since, { field }),
    })),
  )
  const seen = counts.filter(({ count }) => count > 0).map(({ field, count }) => `${field} (${count})`)
  return [
    ...(seen.length === 0
      ? []
      : [well(`HubSpot's events were not as it documents them in these fields, in 24 hours: ${seen.join(', ')}.`)]),
    ...(await announcedAgain(monitoring, since)),
  ]
}

/** Whether an agent's second try keeps a message's id, which HubSpot does not document. */
async function announcedAgain(monitoring: Monitoring, since: number): Promise<Finding[]> {
  const sums = await Promise.all(
    metrics.AnnouncedAgain.of.map((name) => monitoring.sumSince(name, 'AnnouncedAgain', since)),
  )
  const count = sums.reduce((sum, one) => sum + one, 0)
  if (count === 0) return []
  const sentence = `HubSpot announced failed messages again, by another event, in 24 hours: ${count}.`
  return [
    {
      ...well(sentence),
      remedy: 'The setting resend says what becomes of them: docs/decisions/0035-announced-again.md.',
    },
  ]
}
