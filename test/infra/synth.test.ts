import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const app = new URL('../../infra/app.ts', import.meta.url).pathname
const first = mkdtempSync(join(tmpdir(), 'synth-'))
const second = mkdtempSync(join(tmpdir(), 'synth-'))

beforeAll(() => synthesize(first))
afterAll(() => [first, second].forEach((folder) => void rmSync(folder, { recursive: true })))

test('synthesis needs no credentials, no Docker and no CDK CLI', () => {
  expect(templateIn(first, 'HubSpotStatusRelay').Resources).toHaveProperty('RelayLedger72ACEE6B')
})

test("cdk-nag's packs AwsSolutions and Serverless find nothing unexplained", () => {
  expectExplained(first)
})

test('a function is its story and its chunks', () => {
  const lambda = templateIn(first, 'HubSpotStatusRelay').Resources['RelayhubspotwebhookFunction5FD19376']!
  const asset = lambda.Properties.Code.S3Key.replace(/\.zip$/, '')

  expect(readFileSync(join(first, `asset.${asset}`, 'index.mjs'), 'utf8')).toMatch(/^import\{createRequire\}/)
})

test('the same code gives the same template, so that a deployment changes only what has changed', () => {
  synthesize(second)

  expect(templateIn(second, 'HubSpotStatusRelay')).toEqual(templateIn(first, 'HubSpotStatusRelay'))
})

test('the smallest form of another stage is a stack of its own, explained as well', () => {
  synthesize(second, { 'relay.stage': 'beta', 'relay.delivery': 'false', 'relay.receipts': 'false' })

  expect(templateIn(second, 'HubSpotStatusRelay-beta').Outputs['MetricsNamespace']!.Value).toBe(
    'HubSpotStatusRelay-beta',
  )
  expectExplained(second)
})

test.each([
  [
    'relay.hubspot.requestShar',
    '"relay.hubspot.requestShar" is no setting. Did you mean "relay.hubspot.requestShare"?',
  ],
  ['relay.maxConcurrency', '- maxConcurrency must be a whole number from 2 to 1000.'],
])('a wrong setting, %s, is answered by a sentence, and not by where in the code', (name, sentence) => {
  const { status, stderr } = spawnSync(process.execPath, [app], {
    env: { ...process.env, CDK_CONTEXT_JSON: JSON.stringify({ [name]: '1' }) },
    encoding: 'utf8',
  })

  expect(status).toBe(1)
  expect(stderr).toContain(sentence)
  expect(stderr).not.toMatch(/^ +at |file:/m)
})

function expectExplained(folder: string) {
  const { pluginReports } = JSON.parse(readFileSync(join(folder, 'validation-report.json'), 'utf8')) as Report
  expect(pluginReports.map(({ pluginName }) => pluginName)).toEqual(['AwsSolutions', 'Serverless'])
  for (const { conclusion, violations, suppressedViolations } of pluginReports) {
    expect({ conclusion, violations }).toEqual({ conclusion: 'success', violations: [] })
    expect(suppressedViolations.length).toBeGreaterThan(0)
    for (const { reason } of suppressedViolations) expect(reason).toMatch(/^[A-Z].{30,}\.$/)
  }
}

type Report = {
  pluginReports: {
    pluginName: string
    conclusion: string
    violations: object[]
    suppressedViolations: { reason: string }[]
  }[]
}

/** Synthesizes in a process of its own, with an environment as bare as a new machine's. */
function synthesize(folder: string, context = {}) {
  execFileSync(process.execPath, [app], {
    env: { CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify(context) },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
}

type Template = {
  Resources: Record<string, { Properties: { Code: { S3Key: string } } }>
  Outputs: Record<string, { Value: unknown }>
}

const templateIn = (folder: string, stack: string) =>
  JSON.parse(readFileSync(join(folder, `${stack}.template.json`), 'utf8')) as Template
