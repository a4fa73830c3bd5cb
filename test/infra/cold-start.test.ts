import { globSync } from 'node:fs'
import { basename } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FunctionProperties } from '../../infra/local/aws/lambda.ts'
import { accountId, find, locateResources, type Resource } from '../../infra/local/aws/resources.ts'
import { type Assembly, readTemplate, synthesize, type Template } from '../../infra/local/aws/template.ts'
import type { Started } from '../bench/bench/child.ts'
import { type Cloud, startCloud } from '../bench/bench/cloud.ts'
import { environmentOf } from '../bench/bench/contenders.ts'
import { batch, webhook } from '../bench/bench/events.ts'
import { runTask } from '../bench/bench/run.ts'

const names = globSync('functions/*.lambda.ts').map((file) => basename(file, '.lambda.ts'))
let assembly: Assembly
let template: Template
let cloud: Cloud

beforeAll(async () => {
  assembly = await synthesize({ context: { 'relay.eventBus': 'default' } })
  template = readTemplate(assembly.folder)
  cloud = await startCloud()
})
afterAll(async () => {
  await cloud.close()
  await assembly.remove()
})

test.each(names)('%s starts without undici, HTTP/2 and X-Ray', async (name) => {
  const { loaded } = await start(name)

  expect(loaded).toContain('NativeModule https')
  expect(loaded.filter((module) => /undici\/undici|http2\/core|xray/i.test(module))).toEqual([])
})

test.each(names)('%s starts while AWS cannot be reached', async (name) => {
  await expect(start(name, { awsUrl: 'https://127.0.0.1:1' })).resolves.toHaveProperty('loaded')
})

test('the first webhook finds its connections open, and its secret read', async () => {
  const byStarting = await used(() => start('hubspot-webhook'))
  const withWebhook = await used(() => start('hubspot-webhook', {}, webhook()))

  expect(byStarting).toEqual({ connections: 2, secretsRead: 1 })
  expect(withWebhook).toEqual(byStarting)
})

test('the first batch of status updates finds its connections to DynamoDB open', async () => {
  const byStarting = await used(() => start('update-status'))
  const withBatch = await used(() => start('update-status', {}, batch(10)))

  expect(byStarting.connections).toBe(10)
  expect(withBatch).toEqual(byStarting)
})

/** Starts a function as Lambda does, with the bundle and the environment that would be deployed, and invokes it once. */
async function start(name: string, elsewhere: { awsUrl?: string } = {}, event?: object) {
  const account = { region: 'us-east-1', accountId, awsUrl: cloud.awsUrl, apiUrl: 'https://relay.example.com' }
  const functions: Resource<{ Code: { S3Key: string }; Environment: { Variables: Record<string, string> } }>[] =
    locateResources(template, account).ofType(FunctionProperties, 'AWS::Lambda::Function')
  const { Code, Environment } = find(functions, name).properties
  const entry = `${template.assetFolder(Code.S3Key)}/index.mjs`
  const environment = { ...Environment.Variables, ...environmentOf({ ...cloud, ...elsewhere }) }
  const task = { kind: 'start' as const, entry, ...(event && { event }) }
  return (await runTask<Started>(task, environment)).result
}

/** What of AWS was used meanwhile. */
async function used(work: () => Promise<unknown>) {
  const so = () => ({
    connections: cloud.handshakes.aws(),
    secretsRead: cloud.calls['secretsmanager.GetSecretValue'] ?? 0,
  })
  const before = so()
  await work()
  const after = so()
  return {
    connections: after.connections - before.connections,
    secretsRead: after.secretsRead - before.secretsRead,
  }
}
