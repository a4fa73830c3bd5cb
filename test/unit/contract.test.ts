import { readdirSync, readFileSync } from 'node:fs'
import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type * as z from 'zod'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'
import { parseEvent } from '../../functions/hubspot/events.ts'
import { TokenEndpointSecret } from '../../functions/hubspot/token-endpoint.ts'
import { StatusUpdate } from '../../functions/messages/status-update.ts'
import { receipts } from '../../functions/providers/receipts.ts'
import { senders } from '../../functions/providers/senders.ts'
import { jsonSchemas, openApi } from '../../infra/package/contract.ts'
import { example } from '../support/examples.ts'
import { forwardHeaders, forwardSecret } from '../support/http-events.ts'

const docs = new URL('../../docs/', import.meta.url)
const read = (name: string) => JSON.parse(readFileSync(new URL(name, docs), 'utf8'))
const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictTuples: false })
addFormats.default(ajv)
const schemas = jsonSchemas()
const validatorOf = (name: string) => ajv.compile(schemas[name]!)

test('what is published is what the functions read by (npm run contract writes it)', () => {
  const names = readdirSync(new URL('schemas', docs))

  expect(names.toSorted()).toEqual(
    Object.keys(schemas)
      .map((name) => `${name}.json`)
      .toSorted(),
  )
  for (const [name, schema] of Object.entries(schemas)) expect(read(`schemas/${name}.json`)).toEqual(schema)
  expect(read('openapi.json')).toEqual(JSON.parse(JSON.stringify(openApi())))
})

test('the OpenAPI document is one, by the schema of OpenAPI 3.1', async () => {
  const result = await new Validator().validate(read('openapi.json'))

  expect(result).toMatchObject({ valid: true })
})

describe('a published example fits its schema', () => {
  test.each([
    ['HubSpotEvent', example('hubspot/outgoing-message')],
    ['Receipt', example('forward/receipt-delivered')],
    ['Receipt', example('forward/receipt-failed')],
  ])('%s', (name, text) => {
    const validate = validatorOf(name)

    expect(validate(JSON.parse(text)), JSON.stringify(validate.errors)).toBe(true)
  })
})

/** A document, and the same with one field wrong, missing or more. */
const damaged = <Fields extends Record<string, unknown>>(document: Fields) =>
  fc
    .tuple(
      fc.constantFrom(...Object.keys(document)),
      fc.constantFrom('', 7, null, 'x'.repeat(3000), undefined, '2300310', 'read', true),
    )
    .map(([name, value]) => {
      const { [name]: _, ...others } = document
      return value === undefined ? others : { ...others, [name]: value }
    })

test('a status that fits the schema is read, and what is not read does not fit', () => {
  const validate = validatorOf('StatusUpdate')
  const update = {
    v: 1,
    portalId: '1001',
    channelId: '2300310',
    messageId: 'm',
    status: 'failed',
    reason: 'why',
    source: 'team',
    occurredAt: '2026-11-22T12:00:00Z',
  }

  expect(validate(update)).toBe(true)
  fc.assert(
    fc.property(damaged(update), (document) => {
      const { success, data } = StatusUpdate.safeParse(document)
      if (!success) expect(validate(document)).toBe(false)
      // More is read than should be written, and what is read is what should have been.
      else expect(validate(JSON.parse(JSON.stringify(data))), JSON.stringify(validate.errors)).toBe(true)
    }),
    { numRuns: 500 },
  )
})

test('a receipt that fits the schema is taken, and what is not taken does not fit', () => {
  const validate = validatorOf('Receipt')
  const secret = forwardSecret('the secret of a channel, 24 bytes')
  const { data, ...receipt } = JSON.parse(example('forward/receipt-failed'))
  const take = (document: object) => {
    const body = JSON.stringify(document)
    const headers = new Headers(forwardHeaders(body, { secrets: [secret], at: new Date() }))
    const request = { method: 'POST', url: 'https://x', header: (name: string) => headers.get(name) ?? undefined }
    const account = { provider: 'forward', url: 'https://x', format: 'job', secrets: [secret] }
    return receipts.forward!.receive({ ...request, body: Buffer.from(body), now: Date.now() } as never, account).kind
  }

  fc.assert(
    fc.property(
      fc.oneof(
        damaged(data).map((damage) => ({ ...receipt, data: damage })),
        damaged({ ...receipt, data }),
      ),
      (document) => {
        if (validate(document)) expect(take(document as object)).toBe('statuses')
      },
    ),
    { numRuns: 300 },
  )
})

const whsec = forwardSecret('of a channel, 24 bytes of it')
const secrets: [name: string, schema: z.ZodType, valid: Record<string, unknown>][] = [
  ['AppSecret', AppSecret, { clientId: 'the-app', clientSecrets: ['the-current-one', 'the-one-before'] }],
  ['AccessTokensSecret', TokenEndpointSecret, { secret: whsec }],
  ...Object.entries({
    forward: { url: 'https://example.com/x', format: 'job', secrets: [whsec] },
    line: { channelAccessToken: 'token' },
    telegram: { botToken: '110201543:token' },
    twilio: { accountSid: `AC${'0'.repeat(32)}`, authTokens: ['0'.repeat(32)], from: '+15550100001' },
    whatsapp: { phoneNumberId: '1', accessToken: 'a', appSecrets: ['s'], verifyToken: 'v' },
  } satisfies Record<keyof typeof senders, object>).map(([provider, fields]): (typeof secrets)[number] => [
    `${provider.charAt(0).toUpperCase()}${provider.slice(1)}Secret`,
    senders[provider as keyof typeof senders].account,
    { provider, ...fields },
  ]),
]

test('every published secret is among those that are tried', () => {
  expect(secrets.map(([name]) => name).toSorted()).toEqual(
    Object.keys(schemas)
      .filter((name) => name.endsWith('Secret'))
      .toSorted(),
  )
})

test.each(secrets)('the schema of %s and the functions agree', (name, secret, valid) => {
  const validate = validatorOf(name)

  expect(validate(valid), JSON.stringify(validate.errors)).toBe(true)
  fc.assert(
    fc.property(damaged(valid), (document) => {
      const { success, error } = secret.safeParse(document)
      if (success) expect(validate(document)).toBe(true)
      // What a schema cannot say, such as "either this or that", the functions say.
      else if (validate(document)) expect(error.issues.map(({ code }) => code)).toContain('custom')
    }),
    { numRuns: 200 },
  )
})

describe("HubSpot's events: what is read and what the schema says are the same", () => {
  const identifier = { type: 'HS_PHONE_NUMBER', value: '+15550100001' }
  const party = { actorId: 'A-1', name: 'Ada', deliveryIdentifier: identifier }
  const message = {
    ...{ id: 'm', channelAccountId: '3', createdAt: '2026-11-22T12:00:00Z', senders: [party], recipients: [party] },
    ...{ text: 'Hello', richText: '<p>Hello</p>', attachments: ['https://example.com/x'] },
    ...{ conversationsThreadId: '7', inReplyToId: '8' },
  }
  const ids = { portalId: '1001', channelId: '2300310', eventTimestamp: '2026-11-22T12:00:00Z' }
  const sent = {
    type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
    ...ids,
    eventId: 'e',
    channelIntegrationThreadIds: ['t'],
    message,
  }
  const created = { type: 'CHANNEL_ACCOUNT_CREATED', ...ids, channelAccountId: '3', authorized: true }

  test.each([
    ['a message', sent],
    ['an account', created],
  ])('of %s', (_, event) => {
    const form = (schemas['HubSpotEvent'] as unknown as { anyOf: Schema[] }).anyOf.find(({ properties }) => {
      const { const: only, enum: some = [only] } = properties?.['type'] ?? {}
      return some.includes(event.type)
    })
    const read = readPathsOf(event)

    expect(validatorOf('HubSpotEvent')(event)).toBe(true)
    expect(read.toSorted()).toEqual(pathsOf(form!).toSorted())
  })

  test('and a job has all that its schema names, but for recipients who cannot be read', () => {
    const read = parseEvent(Buffer.from(JSON.stringify(sent)), {
      traceId: 'trace',
      receivedAt: Date.parse(ids.eventTimestamp),
    })
    const job = read.kind === 'message' ? { v: 1, ...read.job } : {}
    const named = Object.keys((schemas['Job'] as Schema).properties ?? {})

    expect([...Object.keys(job), 'unreadableRecipients'].toSorted()).toEqual([...named, 'original', 'type'].toSorted())
  })
})

type Schema = {
  properties?: Record<string, Schema>
  items?: Schema
  anyOf?: Schema[]
  const?: unknown
  enum?: unknown[]
}

/** The fields that a schema names, the innermost ones. */
function pathsOf({ properties, items, anyOf = [] }: Schema, path: string[] = []): string[] {
  const below = [
    ...Object.entries(properties ?? {}).flatMap(([name, field]) => pathsOf(field, [...path, name])),
    ...(items ? pathsOf(items, path) : []),
    ...anyOf.flatMap((one) => pathsOf(one, path)),
  ]
  const inner = [...new Set(below)].filter((one) => one !== path.join('.'))
  return inner.length > 0 ? inner : [path.join('.')]
}

/** The fields of an event that are looked at while it is read, the innermost ones. */
function readPathsOf(event: object) {
  const read = new Set<string>()
  const watched = (value: unknown, path: string[]): unknown => {
    if (typeof value !== 'object' || value === null) return value
    return new Proxy(value, {
      get(target, name) {
        const inner = Reflect.get(target, name)
        if (typeof name === 'symbol' || typeof inner === 'function' || name === 'length') return inner
        const at = /^\d+$/.test(name) ? path : [...path, name]
        if (inner !== undefined) read.add(at.join('.'))
        return watched(inner, at)
      },
    })
  }
  const { parse } = JSON
  const spy = vi.spyOn(JSON, 'parse').mockImplementation((text, reviver) => watched(parse(text, reviver), []))
  try {
    parseEvent(Buffer.from(JSON.stringify(event)), { traceId: 'trace', receivedAt: Date.parse('2026-11-22T12:00:00Z') })
  } finally {
    spy.mockRestore()
  }
  const all = [...read].filter((path) => path !== '')
  return all.filter((path) => !all.some((other) => other.startsWith(`${path}.`)))
}
