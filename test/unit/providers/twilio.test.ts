import fc from 'fast-check'
import twilioLibrary from 'twilio'
import { describe, expect, test } from 'vitest'
import { sanitiseReason } from '../../../functions/messages/sanitise-reason.ts'
import type { FetchJson } from '../../../functions/platform/fetch-json.ts'
import { fromQuery, toQuery } from '../../../functions/providers/references.ts'
import { TwilioAccount } from '../../../functions/providers/twilio/account.ts'
import { catalogue } from '../../../functions/providers/twilio/reasons.ts'
import { twilio as receiptAdapter } from '../../../functions/providers/twilio/receipt.ts'
import { isOneSegment } from '../../../functions/providers/twilio/segments.ts'
import { twilio as sendAdapter } from '../../../functions/providers/twilio/send.ts'
import { sign, verify } from '../../../functions/providers/twilio/signature.ts'
import { anyText } from '../../support/arbitraries.ts'
import { example } from '../../support/examples.ts'
import { job } from '../../support/sends.ts'

const authToken = '12345678901234567890123456789012'
const previous = 'abcdefabcdefabcdefabcdefabcdefab'
const account = TwilioAccount.parse({
  provider: 'twilio',
  accountSid: `AC${'0'.repeat(32)}`,
  authTokens: [authToken, previous],
  from: '+15550100001',
})
const now = Date.parse('2026-11-22T12:00:05Z')
const reference = {
  portalId: '243842089',
  channelId: '2300310',
  channelAccountId: 'account 1/ü',
  messageId: '0b5f3c1d9e7a4b2c8d6e0f1a2b3c4d5e',
}
const receiptsUrl = 'https://relay.example.com/receipts/2300310/account%201%2F%C3%BC'
const url = `${receiptsUrl}?${toQuery(reference)}`

describe('signature', () => {
  // Of the tests of Twilio's own library.
  const page = 'https://mycompany.com/myapp.php?foo=1&bar=2'
  const call = 'Digits=1234&To=%2B18005551212&From=%2B14158675309&Caller=%2B14158675309&CallSid=CA1234567890ABCDE'
  const hash = '0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620'

  test.each([
    ['a form', page, call, 'RSOYDt4T1cUTdK1PDd93/VVr8B8='],
    ['JSON', `${page}&bodySHA256=${hash}`, '{"property": "value", "boolean": true}', 'a9nBmqA0ju/hNViExpshrM61xv4='],
  ])('of %s is frozen', (_, url, body, signature) => {
    expect(sign({ url, body: Buffer.from(body) }, '12345')).toBe(signature)
    expect(verify({ url, body: Buffer.from(body) }, signature, '12345')).toBe(true)
  })

  const token = fc.string({ minLength: 1, unit: fc.constantFrom(...'0123456789abcdef') })
  const name = anyText.filter((text) => text !== '__proto__')
  const fields = fc.dictionary(name, fc.oneof(anyText, fc.array(anyText, { minLength: 1 })), { noNullPrototype: true })

  test("is what Twilio's own library makes of a form", () => {
    fc.assert(
      fc.property(token, fields, (token, fields) => {
        expect(sign({ url, body: form(fields) }, token)).toBe(
          twilioLibrary.getExpectedTwilioSignature(token, url, fields),
        )
      }),
    )
  })

  test("is what Twilio's own library makes of JSON", () => {
    fc.assert(
      fc.property(token, fc.json(), (token, body) => {
        const withHash = `${url}&bodySHA256=${twilioLibrary.getExpectedBodyHash(body)}`
        const signature = sign({ url: withHash, body: Buffer.from(body) }, token)

        expect(twilioLibrary.validateRequestWithBody(token, signature, withHash, body)).toBe(true)
        expect(verify({ url: withHash, body: Buffer.from(body) }, signature, token)).toBe(true)
        expect(verify({ url: withHash, body: Buffer.from(`${body} `) }, signature, token)).toBe(false)
      }),
    )
  })

  /** Hosts with capitals and of numbers, ports, odd paths, and queries in any order. */
  const anyUrl = fc
    .record({
      scheme: fc.constantFrom('https://', 'HTTPS://', 'http://'),
      host: fc.constantFrom(
        'relay.example.com',
        'Relay.Example.COM',
        '127.0.0.1',
        '[::1]',
        'x--1.execute-api.eu-central-1.amazonaws.com',
      ),
      port: fc.constantFrom('', ':443', ':8443', ':80'),
      path: fc.constantFrom(
        '/receipts/1',
        '/Prod/receipts/1/a%201%2F%C3%BC',
        "/receipts/1/it's(2)*",
        '/a//b/',
        '/a%2fb',
        '',
      ),
      query: fc.array(
        fc.tuple(fc.constantFrom('a', 'c', 'm', 'n', 'p', 'A', 'a[]', ''), anyText.map(encodeURIComponent)),
        { maxLength: 6 },
      ),
    })
    .map(({ scheme, host, port, path, query }) => {
      const pairs = query.map((pair) => pair.join('='))
      return `${scheme}${host}${port}${path}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`
    })

  test("is taken wherever Twilio's own library takes it", () => {
    const change = fc.constantFrom<(url: string) => string>(
      (url) => url,
      (url) => url.replace(/^(https?:\/\/[^/?]*?)(:\d+)?(?=[/?]|$)/i, '$1'),
      (url) => url.replace(/^(https:\/\/[^/?]*?)(?=[/?]|$)/i, '$1:443'),
      (url) => new URL(url).href,
      (url) => url.replaceAll('%20', '+'),
      (url) => url.replace('?', '?x=1&'),
      (url) => `${url}x`,
    )
    let taken = 0

    fc.assert(
      fc.property(anyUrl, change, fields, (called, change, fields) => {
        const signature = twilioLibrary.getExpectedTwilioSignature(authToken, change(called), fields)
        const isTaken = verify({ url: called, body: form(fields) }, signature, authToken)
        taken += Number(isTaken)

        if (twilioLibrary.validateRequest(authToken, signature, called, fields)) expect(isTaken).toBe(true)
        else if (isTaken) expect(pairsOf(change(called))).toEqual(pairsOf(called))
      }),
      { numRuns: 3000 },
    )
    expect(taken).toBeGreaterThan(1000)
  })

  test('is taken where the URL was called with its query sorted, and signed sorted', () => {
    fc.assert(
      fc.property(anyUrl, fields, (url, fields) => {
        const [path, query] = url.split('?')
        const sorted = query === undefined ? url : `${path}?${twilioSorts(query)}`
        const signature = twilioLibrary.getExpectedTwilioSignature(authToken, sorted, fields)

        expect(verify({ url, body: form(fields) }, signature, authToken)).toBe(true)
      }),
      { numRuns: 2000 },
    )
  })

  /** What a URL says, whatever its spelling: two that differ in it are never taken for each other. */
  function pairsOf(url: string) {
    const { protocol, hostname, pathname, searchParams } = new URL(url)
    return [protocol, hostname, pathname, ...[...searchParams].map((pair) => pair.join('=')).sort()]
  }
})

describe('callback', () => {
  const ids = fc.record({
    portalId: fc.stringMatching(/^\d{1,20}$/),
    channelId: fc.constant(reference.channelId),
    channelAccountId: anyText.map((text) => `a${text}`),
    messageId: anyText.map((text) => `m${text}`),
  })

  test.each<[string, (given: string) => string]>([
    ['as it was given', (given) => given],
    ['with its query sorted', (given) => given.replace(/\?(.*)$/, (_, query) => `?${twilioSorts(query)}`)],
    [
      'with its query turned round',
      (given) => given.replace(/\?(.*)$/, (_, query) => `?${query.split('&').reverse().join('&')}`),
    ],
    [
      'with its query encoded again',
      (given) => given.replace(/\?(.*)$/, (_, query) => `?${query.replaceAll('+', '%20').replaceAll('%2F', '/')}`),
    ],
    ['with its host in lower case', (given) => new URL(given).href],
  ])('signed as a send gave it verifies when it is called %s', async (_, calledFor) => {
    await fc.assert(
      fc.asyncProperty(ids, fc.boolean(), async (ids, isPart) => {
        const base = `https://Relay.Example.com/receipts/${ids.channelId}/${encodeURIComponent(ids.channelAccountId)}`
        const part = isPart ? { index: 1, of: 12 } : { index: 0, of: 1 }
        const { form: sentForm } = await sent({ ids, receiptsUrl: base, part })
        const given = sentForm.get('StatusCallback')!.split('#')[0]!
        const fields = { MessageSid: 'SM1', MessageStatus: 'delivered' }
        const headers = { 'x-twilio-signature': twilioLibrary.getExpectedTwilioSignature(authToken, given, fields) }

        const received = receiveRaw({ url: calledFor(given), body: form(fields) }, headers)

        const { channelId: _, ...rest } = ids
        expect(received).toMatchObject({ statuses: [{ ...rest, status: 'delivered', ...(isPart && { part }) }] })
      }),
      { numRuns: 500 },
    )
  })

  test('gives its names in sorted order', async () => {
    const { form } = await sent({ part: { index: 1, of: 3 } })

    const query = form.get('StatusCallback')!.split('?')[1]!.split('#')[0]!
    expect(query).toBe(twilioSorts(query))
  })

  test('verifies by the host that was called as well, where the public base URL is another by now', () => {
    const fields = { MessageSid: 'SM1', MessageStatus: 'delivered' }
    const headers = { 'x-twilio-signature': twilioLibrary.getExpectedTwilioSignature(authToken, url, fields) }
    const request = { url: url.replace('relay.example.com', 'new.example.com'), body: form(fields) }

    expect(receiveRaw({ ...request, urlByHost: url }, headers)).toMatchObject({ statuses: [{ status: 'delivered' }] })
    expect(receiveRaw(request, headers)).toMatchObject({ kind: 'rejected' })
  })
})

/** A query as Twilio is known to call it. */
const twilioSorts = (query: string) =>
  query
    .split('&')
    .map((pair) => [pair.split('=')[0]!, pair] as const)
    .sort(([a], [b]) => (a < b ? -1 : Number(a > b)))
    .map(([, pair]) => pair)
    .join('&')

describe('receipt', () => {
  test.each([
    ['receipt-delivered', { status: 'delivered', reason: undefined }],
    ['receipt-undelivered', { status: 'failed', reason: expect.stringContaining('(30003)') }],
    ['receipt-whatsapp-read', { status: 'read', reason: undefined }],
  ])('%s, signed, is understood', (name, expected) => {
    expect(receive(read(name))).toMatchObject({
      kind: 'statuses',
      statuses: [
        {
          portalId: reference.portalId,
          channelAccountId: reference.channelAccountId,
          messageId: reference.messageId,
          providerMessageId: 'SM0123456789abcdef0123456789abcdef',
          // Not the carrier's time, whose zone nobody tells.
          occurredAt: '2026-11-22T12:00:05.000Z',
          ...expected,
        },
      ],
      ignored: 0,
    })
  })

  test('by JSON is understood as well', () => {
    const body = JSON.stringify(read('receipt-delivered'))
    const withHash = `${url}&bodySHA256=${twilioLibrary.getExpectedBodyHash(body)}`
    const request = { url: withHash, body: Buffer.from(body) }
    const headers = { 'content-type': 'application/json', 'x-twilio-signature': sign(request, authToken) }

    expect(receiveRaw(request, headers)).toMatchObject({
      statuses: [{ status: 'delivered', messageId: reference.messageId }],
    })
    expect(receiveRaw({ ...request, body: Buffer.from(body.replace('delivered', 'read')) }, headers)).toMatchObject({
      kind: 'rejected',
    })
  })

  test.each(['application/json; charset=utf-8', 'Application/JSON', ' application/json', 'text/json', ''])(
    'by JSON that is called %j is understood, since its hash is in the URL',
    (type) => {
      const body = JSON.stringify({ ...read('receipt-undelivered'), ErrorCode: 30008 })
      const withHash = `${url}&bodySHA256=${twilioLibrary.getExpectedBodyHash(body)}`
      const request = { url: withHash, body: Buffer.from(body) }
      const headers = { 'content-type': type, 'x-twilio-signature': sign(request, authToken) }

      expect(receiveRaw(request, headers)).toMatchObject({ statuses: [{ status: 'failed', code: '30008' }] })
    },
  )

  test('signed with the fragment that the send gave it is taken', () => {
    const given = `${url}#rc=5&rp=4xx,5xx,ct,rt`
    const body = form(read('receipt-delivered'))
    const headers = {
      'x-twilio-signature': twilioLibrary.getExpectedTwilioSignature(authToken, given, read('receipt-delivered')),
    }

    expect(receiveRaw({ url, body }, headers)).toMatchObject({ statuses: [{ status: 'delivered' }] })
  })

  test.each([
    ['an empty code', { ErrorCode: '' }, { failures: [] }],
    ['the code 0, which means none', { ErrorCode: '0' }, { failures: [] }],
    ['its status in capitals', { MessageStatus: 'FAILED' }, { failures: [{ code: '30008' }] }],
    ['an empty status beside the older name of it', { MessageStatus: '', SmsStatus: 'failed' }, {}],
  ])('with %s is a failure all the same', (_, fields, expected) => {
    const failed = { ...read('receipt-undelivered'), ErrorCode: '30008', ...fields }

    expect(receive(failed)).toMatchObject({ statuses: [{ status: 'failed' }], ...expected })
  })

  test('with long words of a channel has their beginning', () => {
    const failed = {
      ...read('receipt-undelivered'),
      ErrorCode: '63024',
      ChannelStatusMessage: `Unknown: ${'x'.repeat(600)}`,
    }

    expect(receive(failed)).toMatchObject({ statuses: [{ reason: expect.stringContaining(': Unknown: xxx') }] })
  })

  test('signed with the token before, or after, is taken', () => {
    expect(receive(read('receipt-delivered'), { token: previous })).toMatchObject({
      statuses: [{ status: 'delivered' }],
    })
    expect(receive(read('receipt-delivered'), { token: 'f'.repeat(32) })).toMatchObject({ kind: 'rejected' })
  })

  test('with a field that nobody heard of is taken', () => {
    expect(receive({ ...read('receipt-delivered'), NewField: 'Grüße 👋' })).toMatchObject({
      statuses: [{ status: 'delivered' }],
    })
  })

  test.each([
    ['of another system', { url: receiptsUrl }],
    ['of another system, with ids like ours', { url: `${receiptsUrl}?p=1&c=x&m=2` }],
  ])('%s is ignored', (_, options) => {
    expect(receive(read('receipt-delivered'), options)).toEqual({ kind: 'statuses', statuses: [], ignored: 1 })
  })

  test('with a status that nobody heard of is ignored', () => {
    expect(receive({ ...read('receipt-delivered'), MessageStatus: 'teleported' })).toMatchObject({
      statuses: [],
      ignored: 1,
    })
  })

  test('of a message that was canceled says so', () => {
    expect(receive({ ...read('receipt-delivered'), MessageStatus: 'canceled' })).toMatchObject({
      statuses: [{ status: 'failed', reason: 'The message was canceled before it was sent' }],
    })
  })

  test("with a code that nobody heard of has Twilio's words", () => {
    const failed = { ...read('receipt-undelivered'), ErrorCode: '39999', ErrorMessage: 'Solar flare' }

    expect(receive(failed)).toMatchObject({ statuses: [{ reason: 'Solar flare (39999)' }] })
    expect(receive(failed, { account: { ...account, reasons: { 39999: 'Call instead.' } } })).toMatchObject({
      statuses: [{ reason: 'Call instead (39999)' }],
    })
  })

  function read(name: string): Record<string, string> {
    return JSON.parse(example(`twilio/${name}`))
  }
})

describe('send', () => {
  test('is a form, with the URL that receipts are to be posted to', async () => {
    const { form, headers, url } = await sent({ part: { index: 1, of: 3 } })

    expect(url).toBe(`https://api.twilio.com/2010-04-01/Accounts/${account.accountSid}/Messages.json`)
    expect(headers['authorization']).toBe(
      `Basic ${Buffer.from(`${account.accountSid}:${authToken}`).toString('base64')}`,
    )
    expect(Object.fromEntries(form)).toEqual({
      To: '+15550100002',
      From: '+15550100001',
      Body: 'Grüße 👋',
      StatusCallback: `${receiptsUrl}?${toQuery({ ...reference, part: { index: 1, of: 3 } })}#rc=5&rp=4xx,5xx,ct,rt`,
    })
  })

  test('goes by an API key, over a Messaging Service, where there is one', async () => {
    const apiKey = { sid: `SK${'1'.repeat(32)}`, secret: 'secretsecretsecret' }
    const messagingServiceSid = `MG${'1'.repeat(32)}`

    const { form, headers } = await sent({ account: { ...account, apiKey, from: undefined, messagingServiceSid } })

    expect(headers['authorization']).toBe(`Basic ${Buffer.from(`${apiKey.sid}:${apiKey.secret}`).toString('base64')}`)
    expect([form.get('From'), form.get('MessagingServiceSid')]).toEqual([null, messagingServiceSid])
  })

  test('without receipts counts as sent when Twilio has the message', async () => {
    const { form, outcome } = await sent({ receiptsUrl: undefined })

    expect(form.has('StatusCallback')).toBe(false)
    expect(outcome).toMatchObject({ outcome: 'sent', status: 'sent' })
  })

  test.each([
    ['sms', '+1 (555) 010-0002', '+15550100002'],
    ['whatsapp', '+1 555 010 0002', 'whatsapp:+15550100002'],
    ['whatsapp', 'whatsapp:+15550100002', 'whatsapp:+15550100002'],
    ['rcs', '+15550100002', 'rcs:+15550100002'],
  ] as const)('by %s to %j goes to %j', async (channel, value, to) => {
    const { form } = await sent({ account: { ...account, channel }, to: [{ deliveryIdentifier: { value } }] })

    expect(form.get('To')).toBe(to)
  })

  const files = (...names: string[]) => names.map((name) => ({ type: 'FILE', url: `https://f.example.com/${name}` }))
  const many = Array.from({ length: 12 }, (_, index) => `${index}.png`)

  test.each([
    [
      'sms',
      'Hi',
      many,
      [
        ['Hi', 10],
        ['', 2],
      ],
    ],
    ['sms', '', ['1.pdf'], [['', 1]]],
    [
      'whatsapp',
      'Hi',
      ['1.png', '2.mp4'],
      [
        ['Hi', 1],
        ['', 1],
      ],
    ],
    [
      'whatsapp',
      'Hi',
      ['1.ogg'],
      [
        ['Hi', 0],
        ['', 1],
      ],
    ],
    [
      'whatsapp',
      'x'.repeat(1025),
      ['1.png'],
      [
        ['x'.repeat(1025), 0],
        ['', 1],
      ],
    ],
    [
      'rcs',
      'Hi',
      ['1.pdf', '2.png'],
      [
        ['Hi', 0],
        ['', 1],
        ['', 1],
      ],
    ],
  ] as const)('by %s, %j with %j takes these sends: %j', (channel, text, names, expected) => {
    const attachments = files(...names)
    const plan = sendAdapter.plan({ ...job, text, attachments }, { ...account, channel })

    const sends = 'sends' in plan ? plan.sends : []
    expect(sends.map(({ text, media }) => [text, media.length])).toEqual(expected)
    expect(sends.flatMap(({ media }) => media)).toEqual(attachments.map(({ url }) => url))
  })

  test.each([
    [
      [3, 3, 3, 1],
      [1, 1, 2],
    ],
    [
      [5, 0.1],
      [1, 1],
    ],
    [
      [2, 2, 1, 0.1],
      [3, 1],
    ],
    [[undefined, undefined], [2]],
  ])('by SMS, pictures of %j MB take sends of no more than 5 MB, with %j of them', (sizes, expected) => {
    const attachments = sizes.map((megabytes, index) => ({
      type: 'FILE',
      url: `https://f.example.com/${index}.png`,
      ...(megabytes && { size: megabytes * 1e6 }),
    }))
    const plan = sendAdapter.plan({ ...job, attachments }, account)

    expect('sends' in plan && plan.sends.map(({ media }) => media.length)).toEqual(expected)
  })

  test('takes no quick replies', () => {
    const attachments = [{ type: 'QUICK_REPLIES', quickReplies: [{ label: 'Yes' }] }]

    expect(sendAdapter.plan({ ...job, attachments }, account)).toEqual({
      problem: 'This channel takes no quick replies.',
    })
  })

  test('of a file that Twilio refuses, its own words say why', async () => {
    const json = { code: 12300, message: 'Invalid Content-Type: image/webp is not supported' }

    const { outcome } = await sent({ answer: { status: 400, json } })

    expect(outcome).toMatchObject({
      reason: 'A file is of a type that cannot be sent: Invalid Content-Type: image/webp is not supported (12300)',
    })
  })

  test('a code that nobody heard of has the words of Twilio, rid of numbers by what shows them', async () => {
    const json = { code: 29999, message: 'Unhappy with +15550100002' }

    const { outcome } = await sent({ answer: { status: 400, json } })

    expect(sanitiseReason((outcome as { reason: string }).reason)).toBe('Unhappy with [number]. (29999)')
  })
})

describe('a text of several segments', () => {
  const long = 'x'.repeat(161)
  const statusesOf = async (text: string, ...statuses: [string, string?][]) => {
    const { form: sentForm } = await sent({ fields: { text } })
    const given = sentForm.get('StatusCallback')!.split('#')[0]!
    return statuses.map(([MessageStatus, ErrorCode]) => {
      const fields = { MessageSid: 'SM1', MessageStatus, ...(ErrorCode !== undefined && { ErrorCode }) }
      const headers = { 'x-twilio-signature': twilioLibrary.getExpectedTwilioSignature(authToken, given, fields) }
      const received = receiveRaw({ url: given, body: form(fields) }, headers)
      return received.kind === 'statuses' ? received.statuses[0]?.status : received.kind
    })
  }

  test('is not delivered because one of them was: a failure of another one stands', async () => {
    expect(await statusesOf(long, ['undelivered', '30008'], ['delivered'])).toEqual(['failed', 'sent'])
    expect(await statusesOf('x'.repeat(160), ['delivered'])).toEqual(['delivered'])
  })

  test.each([
    ['x'.repeat(160), true],
    ['x'.repeat(161), false],
    ['ü'.repeat(160), true],
    ['€'.repeat(80), true],
    ['€'.repeat(81), false],
    ['ж'.repeat(70), true],
    ['ж'.repeat(71), false],
    ['👋'.repeat(35), true],
    ['👋'.repeat(36), false],
    ['', true],
  ])('is told from one of a single segment: %#', (text, isOne) => {
    expect(isOneSegment(text)).toBe(isOne)
  })

  test('its callback verifies, and says as much, however it is called', async () => {
    const { form: sentForm } = await sent({ fields: { text: long }, part: { index: 1, of: 3 } })
    const query = sentForm.get('StatusCallback')!.split('#')[0]!.split('?')[1]!

    expect(query).toMatch(/&s=2$/)
    expect(query).toBe(twilioSorts(query))
    expect(fromQuery(query)).toMatchObject({ part: { index: 1, of: 3 } })
  })
})

describe('reasons', () => {
  const published = [
    ...[21211, 21212, 21214, 21217, 21408, 21601, 21602, 21603, 21604, 21606, 21608, 21609, 21610, 21611, 21612, 21614],
    ...[21617, 21619, 21620, 21623, 21635, 21659, 21660, 21661, 21701, 21703, 21910],
    ...[30001, 30002, 30003, 30004, 30005, 30006, 30007, 30008, 30010, 30011, 30017, 30018, 30019, 30022, 30023, 30024],
    ...[30027, 30032, 30033, 30034, 30035, 30036, 30037, 30038, 30039, 30040, 30041, 30042, 30043, 30044],
    ...[11751, 20504, 30410, 30450, 30453, 30454, 30485, 30500, 90010],
    ...[63001, 63002, 63003, 63005, 63007, 63009, 63010, 63012, 63013, 63014, 63015, 63016, 63017, 63018, 63019, 63020],
    ...[63021, 63024, 63032, 63033, 63034, 63036, 63038, 63040, 63041, 63042, 63049, 63051, 63109, 63111, 63112],
  ]

  test('the codes that customers meet have sentences', () => {
    expect(published.filter((code) => !(code in catalogue))).toEqual([])
  })

  test('a sentence is one that an agent can read, without the words of programmers', () => {
    for (const sentence of Object.values(catalogue)) {
      expect(sentence).toMatch(/^[A-Z][^\n]{15,160}[^.\s]$/)
      expect(sentence).not.toMatch(/null|invalid|parameter|exception|resource|API|SID\b|HTTP/i)
    }
  })
})

function form(fields: Record<string, string | string[]>) {
  const form = new URLSearchParams()
  for (const [name, values] of Object.entries(fields)) for (const value of [values].flat()) form.append(name, value)
  return Buffer.from(form.toString())
}

function receive(
  fields: Record<string, string>,
  {
    url: to = url,
    token = authToken,
    account: as = account,
  }: { url?: string; token?: string; account?: TwilioAccount } = {},
) {
  const request = { url: to, body: form(fields) }
  const headers = { 'content-type': 'application/x-www-form-urlencoded', 'x-twilio-signature': sign(request, token) }
  return receiveRaw(request, headers, as)
}

function receiveRaw(
  request: { url: string; urlByHost?: string; body: Uint8Array },
  headers: Record<string, string>,
  as = account,
) {
  return receiptAdapter.receive({ method: 'POST', ...request, header: (name) => headers[name], now }, as)
}

/** Makes the first send of a message. */
test('a message that ended in doubt is found among others that have no text', async () => {
  const listed = { direction: 'outbound-api', date_created: 'Sun, 22 Nov 2026 12:00:03 +0000' }
  const messages = [
    { ...listed, sid: 'SM2', body: null, status: 'sent' },
    { ...listed, sid: 'SM1', body: job.text, status: 'delivered' },
    { sid: 'SM0', direction: 'inbound', date_created: null },
  ]
  const tools = {
    fetchJson: async () => ({ status: 200, headers: {}, text: '', json: { messages } }),
    now: () => now,
    signForHubSpot: async () => '',
  }
  const part = { to: '+15550100002', text: job.text, media: [] }

  expect(await sendAdapter.lookUp!({ job, part, index: 0, of: 1, receiptsUrl }, account, tools)).toEqual({
    outcome: 'sent',
    status: 'delivered',
    providerMessageId: 'SM1',
  })
})

async function sent(
  options: {
    account?: TwilioAccount
    to?: (typeof job)['to']
    ids?: Partial<typeof reference>
    fields?: { text: string }
    part?: { index: number; of: number }
    receiptsUrl?: string | undefined
    answer?: { status: number; json: unknown }
  } = {},
) {
  const { account: as = account, to = [{ deliveryIdentifier: { value: '+15550100002' } }], answer } = options
  const { index, of } = options.part ?? { index: 0, of: 1 }
  const requests: { url: string; headers: Record<string, string>; form: URLSearchParams }[] = []
  const fetchJson: FetchJson = async (url, { headers = {}, body }) => {
    requests.push({ url, headers, form: new URLSearchParams(String(body)) })
    return { headers: {}, text: '', ...(answer ?? { status: 201, json: { sid: 'SM1', status: 'queued' } }) }
  }
  const message = { ...job, ...reference, ...options.ids, ...options.fields, to }
  const plan = sendAdapter.plan(message, as)
  const [part] = 'sends' in plan ? plan.sends : []
  const where = 'receiptsUrl' in options ? options.receiptsUrl : receiptsUrl
  const tools = { fetchJson, now: () => now, signForHubSpot: async () => '' }
  const outcome = await sendAdapter.send({ job: message, part: part!, index, of, receiptsUrl: where }, as, tools)
  return { ...requests[0]!, outcome }
}
