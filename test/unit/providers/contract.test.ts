import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { DeliveryJob } from '../../../functions/messages/jobs.ts'
import { SendOutcome } from '../../../functions/messages/record.ts'
import { StatusUpdate } from '../../../functions/messages/status-update.ts'
import { createFetchJson, type FetchJson } from '../../../functions/platform/fetch-json.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { Provider } from '../../../functions/providers/accounts.ts'
import { receipts } from '../../../functions/providers/receipts.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { type LoopbackServer, serve } from '../../../infra/local/loopback.ts'
import { anyText } from '../../support/arbitraries.ts'
import { job as usualJob } from '../../support/sends.ts'
import { harness as forward } from './contract/forward.ts'
import type { Answer, Harness, Request } from './contract/harness.ts'
import { harness as line } from './contract/line.ts'
import { harness as telegram } from './contract/telegram.ts'
import { harness as twilio } from './contract/twilio.ts'
import { harness as whatsapp } from './contract/whatsapp.ts'

// What every provider promises the relay, checked for each. A new one needs a file of its own in `contract/`, with what the
// provider answers and posts and what each of that means (see contract/harness.ts), and a line here.
const harnesses: Record<Provider, Harness> = { forward, line, telegram, twilio, whatsapp }
const providers = Provider.options.map((name) => ({ name, ...harnesses[name] }))

const text = 'A secret between an agent and a customer'
const message: DeliveryJob = { ...usualJob, messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e', to: [], text }
const receiptsUrl = 'https://relay.example.com/receipts/2300310/3000000001'

/** The provider, as a server that gives one answer, loses it, or is not there. */
let provider: LoopbackServer
const requests: Request[] = []
let next: Answer | 'lost'
beforeAll(async () => {
  provider = await serve(async (request, response) => {
    const body = (await request.toArray()).join('')
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]))
    requests.push({ method: request.method!, url: request.url!, headers, body })
    if (next === 'lost') return void request.socket.destroy()
    const { status, headers: given, body: document } = next
    response.writeHead(status, { 'content-type': 'application/json', ...given })
    response.end(document === undefined ? '' : JSON.stringify(document))
  })
})
afterAll(() => provider.close())
beforeEach(() => void requests.splice(0))

describe.each(providers)('$name', ({ name, send: adapter, receipt, answers, ...harness }) => {
  const account = (fields = {}, url = provider.url) => adapter.account.parse({ ...harness.account(url), ...fields })
  const fetchJson = createFetchJson({ timeout: 5000 })
  const customers = harness.customers ?? ['+15550100002', '+15550100003']
  const both = customers.map((value) => ({ deliveryIdentifier: { value } }))
  const job = { ...message, to: both.slice(0, 1) }
  const tools = { fetchJson, now: () => Date.parse('2026-11-22T12:00:05Z'), signForHubSpot: async () => '' }

  const sendsOf = (fields: Partial<DeliveryJob> = {}, to = account()) => {
    const plan = adapter.plan({ ...job, ...fields }, to)
    return 'sends' in plan ? plan.sends : expect.fail(plan.problem)
  }
  /** Makes the send at an index, and gives what came of it or what was thrown. */
  async function send(
    answer: Answer | 'lost',
    options: { to?: unknown; fields?: Partial<DeliveryJob>; index?: number } = {},
  ) {
    const { to = account(), fields = {}, index = 0 } = options
    next = answer
    const parts = sendsOf(fields, to)
    const one = { job: { ...job, ...fields }, part: parts[index], index, of: parts.length, receiptsUrl }
    return adapter.send(one, to, tools).catch((error: unknown) => error)
  }
  const receive = (
    { method, url, headers, body }: Request | (Omit<Request, 'body'> & { body: Uint8Array }),
    to = account(),
  ) => receipt!.receive({ method, url, header: (name) => headers[name], body: Buffer.from(body), now: tools.now() }, to)

  test('is in the tables by the adapters that are tested here', () => {
    expect([senders[name], receipts[name]]).toEqual([adapter, receipt])
  })

  describe('account', () => {
    test('is read', () => {
      expect(account()).toMatchObject({ provider: name })
    })

    test('is the same where its values were pasted with spaces and line breaks around them', () => {
      expect(adapter.account.parse(pasted(harness.account(provider.url)))).toEqual(account())
    })

    test.each(Object.entries(harness.nonsense))('with %s is none', (_, fields) => {
      expect(adapter.account.safeParse({ ...harness.account(provider.url), ...fields }).success).toBe(false)
    })

    test.each(['accepted', 'sent', 'delivered'] as const)(
      'may choose sentOn %s only if that can be known',
      (sentOn) => {
        const document = harness.account(provider.url)
        // Where the endpoint says itself what it means, there is nothing to choose.
        if (!('sentOn' in (account() as object))) return expect(name).toBe('forward')

        const canBeKnown = sentOn === 'accepted' || adapter.truth[sentOn]
        expect(adapter.account.safeParse({ ...document, sentOn }).success).toBe(canBeKnown)
      },
    )
  })

  describe('plan', () => {
    test('is the same at each try', () => {
      expect(adapter.plan(job, account())).toEqual(adapter.plan(structuredClone(job), account()))
    })

    test.skipIf(!harness.longestText)('takes a text up to its limit, and refuses a longer one with a sentence', () => {
      const longest = harness.longestText!

      expect(sendsOf({ text: 'x'.repeat(longest) })).toHaveLength(1)
      expect(adapter.plan({ ...job, text: 'x'.repeat(longest + 1) }, account())).toEqual({
        problem: expect.stringContaining(String(longest)),
      })
    })

    test.skipIf(!harness.longestText).each([
      ['to nobody', { to: [] }],
      ['without anything in it', { text: '  ' }],
      ['with a file that has no address', { attachments: [{ type: 'FILE', fileId: '1' }] }],
      ['with a location', { attachments: [{ type: 'LOCATION' }] }],
    ])('refuses a message %s with a sentence', (_, fields) => {
      expect(adapter.plan({ ...job, ...fields }, account())).toEqual({ problem: expect.stringMatching(/^[A-Z].+\.$/) })
    })

    test.skipIf(!harness.longestText)('makes one send for each recipient', async () => {
      expect(sendsOf({ to: both })).toHaveLength(2)
      for (const index of [0, 1]) await send(answers.taken[0]!, { fields: { to: both }, index })

      const reached = requests.map(({ url, body }) =>
        customers.filter((customer) => decodeURIComponent(url + body).includes(customer.replace('+', ''))),
      )
      expect(reached).toEqual([[customers[0]], [customers[1]]])
    })

    test('never throws, whatever the message holds', () => {
      fc.assert(
        fc.property(anyText, anyText, fc.array(fc.jsonValue()), anyText, (text, richText, attachments, value) => {
          const to = [{ deliveryIdentifier: { value } }]
          const plan = adapter.plan({ ...job, text, richText, attachments, to }, account())
          expect(Object.keys(plan)).toHaveLength(1)
        }),
      )
    })
  })

  describe('send', () => {
    const sentOn = (to: unknown) => (to as { sentOn?: string }).sentOn

    test.each(answers.taken)('takes %o for a message that the provider has', async (answer) => {
      const outcome = SendOutcome.parse(await send(answer))

      expect(outcome).toMatchObject({ outcome: 'sent' })
      if (sentOn(account()) === 'accepted') expect(outcome).toMatchObject({ status: 'sent' })
      else if (sentOn(account())) expect(outcome).toMatchObject({ status: 'accepted' })
    })

    test('counts a message as sent when the provider has it, where the account says so', async () => {
      const to = account({ sentOn: 'accepted' })
      if (!sentOn(to)) return expect(name).toBe('forward')

      expect(await send(answers.taken[0]!, { to })).toMatchObject({ outcome: 'sent', status: 'sent' })
    })

    test.each(answers.rejected)('takes %o for final, with a reason', async ({ code, ...answer }) => {
      const outcome = await send(answer)

      expect(outcome).toEqual(expect.objectContaining({ outcome: 'rejected', reason: expect.stringMatching(/\w{3}/) }))
      if (code !== undefined) expect(outcome).toMatchObject({ reason: expect.stringContaining(String(code)) })
      expectNothingTold(outcome)
    })

    test("shows the team's own sentence for a code", async () => {
      if (!('reasons' in (account() as object))) return expect(name).toBe('forward')
      const { code, key = code!, ...answer } = answers.rejected[0]!

      const outcome = await send(answer, { to: account({ reasons: { [key]: 'Call the customer instead' } }) })

      expect(outcome).toMatchObject({ reason: expect.stringMatching(/^Call the customer instead/) })
    })

    test.each(answers.later)('tries again later after %o', async (answer) => {
      const failure = await send(answer)

      expect(failure).toBeInstanceOf(RetryableError)
      expect(failure).toMatchObject({ inDoubt: false })
      if (answer.headers?.['retry-after'])
        expect(failure).toMatchObject({ retryAfter: { seconds: Number(answer.headers['retry-after']) } })
      expectNothingTold(failure)
    })

    test('tries again later where the provider cannot be reached', async () => {
      const closed = await serve(async () => {})
      await closed.close()

      const failure = await send('lost', { to: account({}, closed.url) })

      expect(failure).toBeInstanceOf(RetryableError)
      expect(failure).toMatchObject({ inDoubt: false })
      expectNothingTold(failure)
    })

    test.each<Answer | 'lost'>(['lost', ...answers.doubtful])('is in doubt after %o, and says so', async (answer) => {
      const outcome = await send(answer)

      if (harness.keyHeader) expect(outcome).toMatchObject({ name: 'ProviderError', inDoubt: true })
      else expect(outcome).toEqual({ outcome: 'in doubt' })
      expectNothingTold(outcome)
    })

    test(harness.keyHeader ? 'has an idempotency scope' : 'has no idempotency scope', () => {
      expect(adapter.idempotencyScope?.(account(), { job, now: tools.now() }) !== undefined).toBe(
        'keyHeader' in harness,
      )
    })

    test.skipIf(!harness.keyHeader)('carries the same key at each try, which no other send has', async () => {
      const keyOf = async (options: Parameters<typeof send>[1]) => {
        await send(answers.taken[0]!, options)
        return requests.at(-1)!.headers[harness.keyHeader!]
      }
      const others = [
        { fields: { messageId: 'another' } },
        { fields: { channelId: '2300311' } },
        { fields: { portalId: '243842090' } },
        ...(harness.longestText
          ? [
              { fields: { to: both }, index: 0 },
              { fields: { to: both }, index: 1 },
            ]
          : []),
      ]

      const key = await keyOf({})

      expect(key).toMatch(/./)
      expect(await keyOf({})).toBe(key)
      const keys = new Set([key])
      for (const other of others) keys.add(await keyOf(other))
      expect(keys.size).toBe(1 + others.length)
    })

    test('survives every answer', async () => {
      const document = fc.oneof(
        fc.jsonValue(),
        fc.constantFrom(
          ...Object.values(answers)
            .flat()
            .map(({ body }) => body),
        ),
      )
      const statuses = fc.constantFrom(200, 201, 204, 301, 400, 401, 403, 404, 408, 409, 413, 429, 500, 502, 503, 504)
      const [part] = sendsOf()

      await fc.assert(
        fc.asyncProperty(statuses, document, fc.boolean(), async (status, json, isJson) => {
          const fetchJson: FetchJson = async () => ({ status, headers: {}, text: '', json: isJson ? json : undefined })
          const one = { job, part, index: 0, of: 1, receiptsUrl }
          const outcome = await adapter.send(one, account(), { ...tools, fetchJson }).catch((error: unknown) => error)
          if (!(outcome instanceof RetryableError)) SendOutcome.parse(outcome)
        }),
      )
    })
  })

  describe.skipIf(!receipt)('receipt', () => {
    const { statuses = {}, report, sign, signature } = harness
    /** A receipt of the send, as the provider posts it. */
    async function reported(status: string, options?: Parameters<typeof send>[1]) {
      await send(answers.taken[0]!, options)
      return report!(requests.at(-1)!, status)
    }

    test.each(Object.entries(statuses))('%s means %s', async (status, meaning) => {
      const received = receive(await reported(status))

      if (meaning === 'ignored') expect(received).toEqual({ kind: 'statuses', statuses: [], ignored: 1 })
      else expect(received).toMatchObject({ kind: 'statuses', statuses: [{ status: meaning }], ignored: 0 })
    })

    test('says all that the provider is said to know, and no more', () => {
      const meanings = new Set(Object.values(statuses))

      for (const what of ['sent', 'delivered', 'read', 'failed'] as const)
        expect({ [what]: meanings.has(what) }).toEqual({ [what]: adapter.truth[what] })
    })

    test("brings our ids back, in a status update's form", async () => {
      const received = receive(await reported('delivered'))

      const [status] = received.kind === 'statuses' ? received.statuses : []
      const update = StatusUpdate.parse({ v: 1, channelId: job.channelId, source: name, ...status })
      expect(update).toMatchObject({ portalId: job.portalId, messageId: job.messageId, status: 'delivered' })
      expect([job.channelAccountId, undefined]).toContain(update.channelAccountId)
      expect(update.part).toBeUndefined()
    })

    test.skipIf(!harness.longestText)('says which of several sends it is about', async () => {
      const received = receive(await reported('delivered', { fields: { to: both }, index: 1 }))

      expect(received).toMatchObject({ statuses: [{ messageId: job.messageId, part: { index: 1, of: 2 } }] })
    })

    test('a message that is delivered only when it was delivered is not sent before', async () => {
      const to = account({ sentOn: 'delivered' })
      if (!('sentOn' in (to as object))) return expect(name).toBe('forward')

      expect(receive(await reported('sent'), to)).toMatchObject({ statuses: [] })
      expect(receive(await reported('delivered'), to)).toMatchObject({ statuses: [{ status: 'delivered' }] })
    })

    test('unsigned is refused', async () => {
      const request = await reported('delivered')
      for (const header of signature!.headers)
        expect(receive({ ...request, headers: { ...request.headers, [header]: '' } })).toMatchObject({
          kind: 'rejected',
        })
    })

    test('is refused when any bit of it flips', async () => {
      const request = await reported('delivered')
      const right = receive(request)
      const parts = ['body', ...(signature!.url ? ['url'] : []), ...signature!.headers]

      fc.assert(
        fc.property(fc.constantFrom(...parts), fc.nat(), fc.nat(7), (part, at, bit) => {
          const received = receive(flipped(request, part, at, bit))
          const meansTheSame = JSON.stringify(received) === JSON.stringify(right)
          if (signature!.bytes || !meansTheSame) expect(received).toMatchObject({ kind: 'rejected' })
        }),
        { numRuns: 500 },
      )
    })

    test('never throws, whatever the request is', () => {
      const headers = fc.dictionary(fc.constantFrom('content-type', ...signature!.headers), anyText, {
        noNullPrototype: true,
      })
      const methods = fc.constantFrom('POST', 'GET', 'PUT')

      fc.assert(
        fc.property(methods, anyText, headers, fc.uint8Array(), (method, query, headers, body) => {
          const url = `${receiptsUrl}?${encodeURI(query)}`
          expect(receive({ method, url, headers, body }).kind).toBe('rejected')
        }),
      )
    })

    test('never throws, whatever the provider signs', () => {
      const known = Object.keys(statuses).map((status) => sign!(JSON.stringify({ status })).body)
      const body = fc.oneof(anyText, fc.json(), fc.constantFrom(...known), fc.webQueryParameters())

      fc.assert(
        fc.property(body, (body) => {
          expect(['statuses', 'unreadable']).toContain(receive(sign!(body)).kind)
        }),
      )
    })
  })

  /** What an agent or a log reads holds nothing of the message, the customer, or the account. */
  function expectNothingTold(outcome: unknown) {
    const told: string[] = []
    for (let seen = outcome; seen instanceof Error; seen = seen.cause) told.push(seen.message, JSON.stringify(seen))
    told.push(JSON.stringify(outcome))
    for (const hidden of [text, ...customers, ...harness.secrets]) expect(told.join('\n')).not.toContain(hidden)
  }
})

/** The request with one bit changed, of its body, its URL's query, or a header. */
function flipped(request: Request, part: string, at: number, bit: number) {
  const flip = (text: string) => {
    const bytes = Buffer.from(text)
    bytes[at % bytes.length]! ^= 1 << bit
    return bytes
  }
  const [path, query = ''] = request.url.split('?')
  if (part === 'body') return { ...request, body: flip(request.body) }
  if (part === 'url')
    return { ...request, url: `${path}?${flip(query).toString('latin1')}`, body: Buffer.from(request.body) }
  const headers = { ...request.headers, [part]: flip(request.headers[part]!).toString('latin1') }
  return { ...request, headers, body: Buffer.from(request.body) }
}

/** A document whose texts have spaces and line breaks around them, but those that are one of a few words. */
function pasted(value: unknown, key = ''): unknown {
  if (typeof value === 'string')
    return ['provider', 'format', 'channel', 'country', 'sentOn'].includes(key) ? value : `\ufeff ${value}\r\n`
  if (Array.isArray(value)) return value.map((one) => pasted(one, key))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, pasted(inner, name)]))
}
