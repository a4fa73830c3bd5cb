import { expect, test } from 'vitest'
import { checkEvents } from '../../../infra/cli/events.ts'
import type { Monitoring } from '../../../infra/cli/monitoring.ts'

test('doctor names the fields in which events were not as documented', async () => {
  const sums = new Map([
    ['portalId', 12],
    ['message.createdAt', 3],
  ])

  expect(await checkEvents(monitoringOf(sums))).toEqual([
    {
      result: 'well',
      sentence:
        "HubSpot's events were not as it documents them in these fields, in 24 hours: portalId (12), message.createdAt (3).",
    },
  ])
  expect(await checkEvents(monitoringOf(new Map()))).toEqual([])
})

test('doctor says that HubSpot announced failed messages again, and which setting is about that', async () => {
  const sumSince = async (_: string, metric: string) => (metric === 'AnnouncedAgain' ? 2 : 0)

  expect(await checkEvents({ monitoring: { sumSince } as Partial<Monitoring> as Monitoring })).toEqual([
    {
      result: 'well',
      sentence: 'HubSpot announced failed messages again, by another event, in 24 hours: 4.',
      remedy: expect.stringContaining('resend'),
    },
  ])
})

const monitoringOf = (sums: Map<string, number>) => ({
  monitoring: {
    sumSince: async (functionName: string, metric: string, _since: number, by?: Record<string, string>) =>
      functionName === 'hubspot-webhook' && metric === 'UnexpectedFields' ? (sums.get(by?.['field'] ?? '') ?? 0) : 0,
  } as Monitoring,
})
