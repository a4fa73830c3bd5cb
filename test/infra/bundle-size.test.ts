import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundle } from '../../infra/bundle.ts'

describe.each([
  ['hubspot-webhook', 125],
  ['deliver-message', 180],
  ['provider-receipt', 180],
  ['update-status', 180],
])('the bundle of %s', (name, limit) => {
  let folder: string
  let inputs: string[]

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), `${name}-`))
    inputs = Object.keys(bundle(name, folder).inputs)
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

  test("has nothing of the SDK's search for credentials, and no X-Ray", () => {
    expect(inputs.filter((path) => /credential-provider-(?!env)|aws-xray-sdk|tracer/.test(path))).toEqual([])
  })
})
