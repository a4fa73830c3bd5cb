import { metrics } from '../operations/metrics.ts'
import type { Deployment } from './deployment.ts'
import { type Finding, well } from './findings.ts'

/** In which fields HubSpot's events were not as documented, in the last 24 hours: nothing that anybody has to mend. */
export async function checkEvents({ monitoring }: Pick<Deployment, 'monitoring'>): Promise<Finding[]> {
  if (!monitoring) return []
  const since = Date.now() - 86_400_000
  const { of, by } = metrics.UnexpectedFields
  const counts = await Promise.all(
    by.field.map(async (field) => ({
      field,
      count: await monitoring.sumSince(of[0], 'UnexpectedFields', since, { field }),
    })),
  )
  const seen = counts.filter(({ count }) => count > 0).map(({ field, count }) => `${field} (${count})`)
  if (seen.length === 0) return []
  return [well(`HubSpot's events were not as it documents them in these fields, in 24 hours: ${seen.join(', ')}.`)]
}
