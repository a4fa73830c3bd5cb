import type { ApiVersion } from '../../functions/hubspot/client.ts'
import type { Deployment } from './deployment.ts'
import { type Finding, well, wrong } from './findings.ts'

/**
 * Until when HubSpot supports each version, and from when on that is worth a line. `v3` as HubSpot announced it on 15
 * September 2026; the dated ones by its rule of 18 months.
 */
const ends: Record<ApiVersion, { from: string; until: string; inWords: string }> = {
  v3: { from: '2027-01-01', until: '2027-09-01', inWords: 'in September 2027' },
  '2025-09': { from: '2026-12-01', until: '2027-04-01', inWords: 'in March 2027, by its rule of 18 months' },
  '2026-03': { from: '2027-04-01', until: '2027-10-01', inWords: 'in September 2027, by its rule of 18 months' },
  '2026-09': { from: '2027-10-01', until: '2028-04-01', inWords: 'in March 2028, by its rule of 18 months' },
}

const newest: ApiVersion = '2026-09'

/** Whether HubSpot still supports the version of its API that the relay calls. */
export async function checkApiVersion({ outputs }: Pick<Deployment, 'outputs'>, now = Date.now()): Promise<Finding[]> {
  const version = outputs.HubSpotApiVersion
  const { from, until, inWords } = ends[version]
  if (now < Date.parse(from)) return []
  const remedy =
    version === newest
      ? 'See whether a newer release of the relay speaks a later one.'
      : `Set "apiVersion": "${newest}" under hubspot in cdk.json and deploy; docs/decisions/0017-which-api-version.md says what changes.`
  if (now < Date.parse(until)) return [{ ...well(`HubSpot ends ${version} of its API ${inWords}.`), remedy }]
  return [wrong(`HubSpot has ended ${version} of its API, ${inWords}: calls may fail any day.`, remedy)]
}
