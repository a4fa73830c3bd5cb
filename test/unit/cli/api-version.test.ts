import { expect, test } from 'vitest'
import { ApiVersion } from '../../../functions/hubspot/client.ts'
import { checkApiVersion } from '../../../infra/cli/api-version.ts'
import type { Deployment } from '../../../infra/cli/deployment.ts'

const found = async (version: ApiVersion, day: string) => {
  const [finding] = await checkApiVersion(
    { outputs: { HubSpotApiVersion: version } } as Pick<Deployment, 'outputs'>,
    Date.parse(day),
  )
  return finding
}

test.each(ApiVersion.options)('nothing is said of %s while its end is far away', async (version) => {
  expect(await found(version, '2026-11-28')).toBeUndefined()
})

test('from 2027 on v3 is said to end in September, with what to set; work goes on', async () => {
  expect(await found('v3', '2027-01-01')).toMatchObject({
    result: 'well',
    sentence: 'HubSpot ends v3 of its API in September 2027.',
    remedy: expect.stringContaining('"apiVersion": "2026-09"'),
  })
})

test('what has ended is wrong', async () => {
  for (const version of ApiVersion.options)
    expect(await found(version, '2028-05-01')).toMatchObject({ result: 'wrong' })
})
