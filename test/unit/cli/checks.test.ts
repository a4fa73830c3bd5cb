import { afterEach, expect, test } from 'vitest'
import { checkClocks, checkReceipts } from '../../../infra/cli/checks.ts'
import type { Deployment } from '../../../infra/cli/deployment.ts'
import { serve } from '../../../infra/local/loopback.ts'

const closes: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closes.splice(0)) await close()
})

test('clocks agree within half a minute, whoever is behind', async () => {
  expect(await resultsWith({ HubSpot: 0, relay: 0 })).toEqual(['well', 'well'])
  expect(await resultsWith({ HubSpot: -120_000, relay: 0 })).toEqual(['wrong', 'well'])
  expect(await resultsWith({ HubSpot: 0, relay: 120_000 })).toEqual(['well', 'wrong'])
})

test('a clock that cannot be read is not said to agree', async () => {
  const gone = await serverAhead(0)
  await gone.close()

  expect((await findings(gone.url, (await serverAhead(0)).url)).map(({ result }) => result)).toEqual([
    'skipped',
    'well',
  ])
})

async function resultsWith({ HubSpot, relay }: { HubSpot: number; relay: number }) {
  const found = await findings((await serverAhead(HubSpot)).url, (await serverAhead(relay)).url)
  return found.map(({ result }) => result)
}

const findings = (HubSpotBaseUrl: string, WebhookUrl: string) =>
  checkClocks({ outputs: { HubSpotBaseUrl, WebhookUrl } } as Deployment)

/** A server whose clock is so many milliseconds ahead. */
async function serverAhead(milliseconds: number) {
  const server = await serve(async (_request, response) => {
    response.writeHead(404, { date: new Date(Date.now() + milliseconds).toUTCString() }).end()
  })
  closes.push(server.close)
  return server
}

test.each([
  [0, []],
  [4, []],
  [5, ['wrong']],
])(
  'of %i messages without a receipt in a day, an account is named where they are no exceptions',
  async (count, results) => {
    const sums: unknown[] = []
    const monitoring = {
      async sumSince(...asked: unknown[]) {
        sums.push(asked)
        return count
      },
    }

    const found = await checkReceipts(monitoring, { id: '3000000001', provider: 'twilio' })

    expect(found.map(({ result }) => result)).toEqual(results)
    expect(sums).toMatchObject([['update-status', 'ReceiptsMissing', expect.any(Number), { account: '3000000001' }]])
    expect(await checkReceipts(undefined, { id: '3000000001', provider: 'twilio' })).toEqual([])
  },
)
