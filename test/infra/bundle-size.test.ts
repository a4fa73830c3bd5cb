import { globSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { Metafile } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../infra/relay/bundle.ts'

/** HubSpot waits for the one; the other has the numbering plans of the world, and the names of HTML's characters. */
const limits: Record<string, number> = { 'hubspot-webhook': 67, 'deliver-message': 166 }
const names = globSync('functions/*.lambda.ts').map((file) => basename(file, '.lambda.ts'))

describe.each(names.map((name) => [name, limits[name] ?? 95] as const))('the bundle of %s', (name, limit) => {
  let folder: string
  let contents: Metafile

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), `${name}-`))
    contents = bundle(name, folder)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  test(`is at most ${limit} kB, gzipped, with the SDK in it`, () => {
    const files = readdirSync(folder)
    const kilobytes =
      files.reduce((sum, file) => sum + gzipSync(readFileSync(join(folder, file)), { level: 9 }).length, 0) / 1000

    console.info(`${name}: ${kilobytes.toFixed(1)} kB gzipped in ${files.length} files`)
    expect(files).toContain('index.mjs')
    expect(kilobytes).toBeLessThanOrEqual(limit)
  })

  test.runIf(name !== 'deliver-message')('has no numbering plans and no reader of HTML', () => {
    expect(Object.keys(contents.inputs).filter((path) => /libphonenumber|htmlparser2|entities/.test(path))).toEqual([])
  })

  test.each([
    ["of the SDK's search for credentials, and no X-Ray", /credential-provider-(?!env)|aws-xray-sdk|tracer/],
    [
      "of the SDK's HTTP, its signer and its clients but those of SQS and Secrets Manager",
      /node-http-handler|signature-v4|@aws-sdk\/client-(?!sqs|secrets-manager)/,
    ],
    [
      "of the SDK's own way of a request: schemas, endpoint rules, retries",
      /core\/.*submodules\/(endpoints|retry|protocols|config|schema|serde)/,
    ],
    ["of JMESPath, since Powertools' idempotency is given its keys", /jmespath/],
  ])('has nothing %s', (_, unwanted) => {
    expect(Object.keys(contents.inputs).filter((path) => unwanted.test(path))).toEqual([])
  })

  // Zod makes a schema whole where it is written: those of jobs took a quarter of the webhook's INIT.
  test.runIf(name === 'hubspot-webhook')('makes no schema of a job at its start', () => {
    expect(Object.keys(contents.inputs)).not.toContain('functions/messages/jobs.ts')
  })

  test('brings along whatever it imports', () => {
    const outside = Object.values(contents.outputs)
      .flatMap(({ imports }) => imports)
      .filter(({ path, external }) => external && !isBuiltin(path))

    expect(outside.map(({ path, kind }) => `${kind} of ${path}`)).toEqual([])
  })
})
