import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FunctionProperties } from '../../infra/local/aws/lambda.ts'
import { readTemplate, synthesize } from '../../infra/local/aws/template.ts'
import type { Message } from '../../infra/local/hubspot/state.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { ForwardService } from '../../infra/local/providers/forward.ts'
import { bundle } from '../../infra/relay/bundle.ts'
import { checkOut, lastTag } from '../support/releases.ts'

const project = join(import.meta.dirname, '../..')
const account = { ...ids, channelAccountId: '3000000001' }
const consumers = ['deliver-message', 'update-status']
const all = ['hubspot-webhook', 'provider-receipt', ...consumers]

let releases: string
let assembly: string
let relay: LocalRelay
let service: ForwardService

/**
 * The release before: that of the last tag, or today's sources while there is none. The next: today's, with bodies of the
 * version after. Both meet the same queues and tables.
 */
beforeAll(async () => {
  const synthesized = await synthesize()
  // Inside the project, whose node_modules they use.
  releases = mkdtempSync(join(project, 'cdk.out/releases-'))
  assembly = join(releases, 'assembly')
  cpSync(synthesized.folder, assembly, { recursive: true })
  await synthesized.remove()
  const tag = lastTag()
  if (tag) checkOut(tag, releaseFolder('previous'), ['functions'])
  else copySources(releaseFolder('previous'))
  copySources(releaseFolder('next'))
  writeVersion('next', versionOf('previous') + 1)
  for (const release of ['previous', 'next'] as const)
    for (const name of all) bundle(name, bundleOf(release, name), releaseFolder(release))
  relay = await startLocalRelay({ assembly, overrides: { maxDelaySeconds: 1 } })
  service = await relay.addChannelAccount(account.channelAccountId, { conduct: () => ({}) })
})

afterAll(async () => {
  await relay?.stop()
  rmSync(releases, { recursive: true })
})

// CloudFormation replaces functions one by one, in no order that could be relied on.
test.each([
  ['none', []],
  ['update-status', ['update-status']],
  ['the consumers', consumers],
  ['all', all],
])('upgraded so far: %s. What the previous release writes is done at once', async (_, upgraded) => {
  deploy('previous', all)
  deploy('next', upgraded)

  const message = await send()

  await isTold(message, 'SENT')
  expect(service.receptions(message.id)).toBe(1)
})

test.each([
  ['hubspot-webhook', ['hubspot-webhook'], { waitsFor: 'deliver-message', receptions: 0 }],
  ['deliver-message', ['hubspot-webhook', 'deliver-message'], { waitsFor: 'update-status', receptions: 1 }],
])(
  'rolled back behind %s: what the next release wrote stays queued, and is done once when it is back',
  async (_, upgraded, { waitsFor, receptions }) => {
    deploy('previous', all)
    deploy('next', upgraded)
    const before = timesLeft(waitsFor)

    const message = await send()
    await expect.poll(() => timesLeft(waitsFor)).toBeGreaterThanOrEqual(before + 2)

    expect(message.told).toBeUndefined()
    expect(service.receptions(message.id)).toBe(receptions)

    deploy('next', all)

    await isTold(message, 'SENT')
    expect(service.receptions(message.id)).toBe(1)
  },
)

test('a message told by the next release is known to the previous one, and the other way round', async () => {
  for (const [first, then] of [
    ['next', 'previous'],
    ['previous', 'next'],
  ] as const) {
    deploy(first, all)
    const message = await send()
    await isTold(message, 'SENT')
    deploy(then, all)
    await service.report(message.id, { status: 'sent' })
    await service.report(message.id, { status: 'read' })

    await isTold(message, 'READ')
    expect(message.patches.map(({ statusType }) => statusType)).toEqual(['SENT', 'READ'])
  }
})

test('nothing of all this became a dead letter', async () => {
  expect(await relay.deadLetters()).toEqual([])
})

const send = () => relay.hubspot.sendMessage({ ...account, text: 'Hello' })

/** How often a function has met bodies that are too new for it. */
const timesLeft = (name: string) =>
  relay.stack.functionLogs(name).filter((line) => line.includes('Written by a newer version')).length

/** Replaces the code of functions that wait for work, as a deployment does. */
function deploy(release: Release, names: string[]) {
  const { resources, assetFolder } = readTemplate(assembly)
  for (const { name: path, type, properties } of resources) {
    const name = path.split('/').at(-1)!
    if (type !== 'AWS::Lambda::Function' || !names.includes(name)) continue
    const code = assetFolder(FunctionProperties.parse(properties).Code.S3Key)
    rmSync(code, { recursive: true })
    cpSync(bundleOf(release, name), code, { recursive: true })
    relay.stack.killEnvironments(name)
  }
}

async function isTold(message: Message, word: 'SENT' | 'READ') {
  await expect.poll(() => message.told).toBe(word)
  await relay.stack.idle({ withinSeconds: 0 })
}

type Release = 'previous' | 'next'

const releaseFolder = (release: Release) => join(releases, release)
const bundleOf = (release: Release, name: string) => join(releaseFolder(release), 'bundles', name)

function copySources(folder: string) {
  cpSync(join(project, 'functions'), join(folder, 'functions'), { recursive: true })
}

const versionLine = /^export const version = (\d+)$/m
const jobsOf = (release: Release) => join(releaseFolder(release), 'functions/messages/job-version.ts')
const versionOf = (release: Release) => Number(versionLine.exec(readFileSync(jobsOf(release), 'utf8'))![1])

function writeVersion(release: Release, version: number) {
  const jobs = jobsOf(release)
  writeFileSync(jobs, readFileSync(jobs, 'utf8').replace(versionLine, `export const version = ${version}`))
}
