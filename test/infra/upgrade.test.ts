import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lossesBetween } from '../support/cloudformation-spec.ts'
import { checkOut, lastTag } from '../support/releases.ts'
import { relayTemplate } from './relay-template.ts'

type Resources = Parameters<typeof lossesBetween>[0]
const project = join(import.meta.dirname, '../..')
const now: Resources = relayTemplate().toJSON()['Resources']
// Before the first release, these very sources stand for it.
const release = lastTag() ?? 'HEAD'

test.skipIf(!existsSync(join(project, '.git')))(
  `an upgrade from ${release} deletes and replaces nothing that holds something`,
  () => {
    expect(lossesBetween(templateOf(release), now)).toEqual([])
  },
)

describe('what such an upgrade would be found by', () => {
  test.each<[string, (resources: Resources) => void, RegExp]>([
    ['a table that is left out', (all) => delete all['RelayLedger72ACEE6B'], /^RelayLedger.* is gone$/],
    [
      'a construct that moves, and its queue with it',
      (all) => {
        all['RelayDeliveryQueue'] = all['RelayDeliveriesQueueA5F64952']!
        delete all['RelayDeliveriesQueueA5F64952']
      },
      /^RelayDeliveriesQueue.* is gone$/,
    ],
    [
      'another key of a table',
      (all) => (all['RelayLedger72ACEE6B']!.Properties!['KeySchema'] = [{ AttributeName: 'id', KeyType: 'HASH' }]),
      /^RelayLedger.* is replaced for its KeySchema$/,
    ],
    [
      'a queue that gets a name',
      (all) => (all['RelayStatusUpdatesQueue24B019B3']!.Properties!['QueueName'] = 'status-updates'),
      /^RelayStatusUpdatesQueue.* is replaced for its QueueName$/,
    ],
    [
      'a secret that gets a name',
      (all) => (all['RelayAppSecret80E0E6CF']!.Properties!['Name'] = 'app'),
      /^RelayAppSecret.* is replaced for its Name$/,
    ],
  ])('%s', (_, change, sentence) => {
    const next = structuredClone(now)
    change(next)

    expect(lossesBetween(now, next)).toEqual([expect.stringMatching(sentence)])
  })

  test('not by what may change', () => {
    const next = structuredClone(now)
    next['RelayStatusUpdatesQueue24B019B3']!.Properties!['VisibilityTimeout'] = 720

    expect(lossesBetween(now, next)).toEqual([])
  })
})

/** The template of a release, synthesized by its own sources with the libraries that are here. */
function templateOf(tag: string): Resources {
  mkdirSync(join(project, 'cdk.out'), { recursive: true })
  // Inside the project, whose node_modules it uses.
  const folder = mkdtempSync(join(project, 'cdk.out/release-'))
  try {
    checkOut(tag, join(folder, 'sources'), ['functions', 'infra', 'cdk.json', 'package.json'])
    const context = JSON.stringify({ 'aws:cdk:bundling-stacks': [] })
    const env = { ...process.env, CDK_OUTDIR: join(folder, 'assembly'), CDK_CONTEXT_JSON: context }
    execFileSync(process.execPath, ['infra/app.ts'], { cwd: join(folder, 'sources'), env, stdio: 'pipe' })
    return JSON.parse(readFileSync(join(folder, 'assembly/HubSpotStatusRelay.template.json'), 'utf8')).Resources
  } finally {
    rmSync(folder, { recursive: true })
  }
}
