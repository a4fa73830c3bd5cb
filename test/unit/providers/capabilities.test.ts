import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { inForms, isWithin, lengthOf, whatItCannotCarry } from '../../../functions/providers/capabilities.ts'
import { type Content, readContent } from '../../../functions/providers/content.ts'
import { mediaTypeOf } from '../../../functions/providers/media-types.ts'
import { senders } from '../../../functions/providers/senders.ts'
import { anyText } from '../../support/arbitraries.ts'
import { capabilitiesOf, pageOf, tableOf } from '../../support/capabilities.ts'
import { job } from '../../support/sends.ts'

const { whatsapp, line, telegram, sms } = capabilitiesOf
const all = Object.entries(capabilitiesOf)

/** How files go out, and what the text is then. */
function sent(attachments: object[], takes = whatsapp, text = 'Hi') {
  const content = inForms(readContent({ text, attachments }), takes)
  return { text: content.text, files: content.files.map(({ as }) => as) }
}
const file = (name: string, fileUsageType = 'OTHER', more = {}) => ({
  type: 'FILE',
  name,
  url: `https://f.example.com/${name}`,
  fileUsageType,
  ...more,
})

test.each([
  ['a.jpg', 'IMAGE', 'image'],
  ['a.PNG', 'IMAGE', 'image'],
  ['a.png', 'STICKER', 'image'],
  ['a.webp', 'STICKER', 'sticker'],
  ['a.ogg', 'VOICE_RECORDING', 'audio'],
  ['a.m4a', 'AUDIO', 'audio'],
  ['a.mp4', 'OTHER', 'video'],
  ['a.pdf', 'OTHER', 'document'],
  ['a.pdf', 'IMAGE', 'document'],
  ['a.docx', 'OTHER', 'document'],
])('WhatsApp shows %s (%s) as %s', (name, usage, as) => {
  expect(sent([file(name, usage)])).toEqual({ text: 'Hi', files: [as] })
})

test.each([
  ['a.gif', 'IMAGE'],
  ['a.webp', 'IMAGE'],
  ['a.heic', 'IMAGE'],
  ['a.svg', 'IMAGE'],
  ['a.tiff', 'IMAGE'],
  ['a.avif', 'IMAGE'],
  ['a.mov', 'OTHER'],
  ['a.webm', 'OTHER'],
  ['a.wav', 'AUDIO'],
  ['a.flac', 'AUDIO'],
  ['a.zip', 'OTHER'],
  ['a.exe', 'OTHER'],
])('what WhatsApp would take and not show goes by its address: %s', (name, usage) => {
  expect(sent([file(name, usage)])).toEqual({ text: `Hi\n${name}: https://f.example.com/${name}`, files: [] })
})

test.each([
  ['apng', 'IMAGE'],
  ['psd', 'IMAGE'],
  ['dng', 'IMAGE'],
  ['wma', 'AUDIO'],
  ['caf', 'VOICE_RECORDING'],
  ['ogv', 'OTHER'],
  ['rar', 'OTHER'],
  ['odt', 'OTHER'],
])('so does one that has no name, but an address that ends in .%s (%s)', (ending, fileUsageType) => {
  const url = `https://f.example.com/a.${ending}`

  for (const takes of [whatsapp, line, telegram])
    expect(sent([{ type: 'FILE', url, fileUsageType }], takes)).toEqual({ text: `Hi\n${url}`, files: [] })
})

test.each([
  ['a.webp', 'IMAGE'],
  ['a.heic', 'IMAGE'],
  ['a.svg', 'IMAGE'],
  ['a.gif', 'IMAGE'],
  ['a.webp', 'STICKER'],
  ['a', 'STICKER'],
  ['a', 'IMAGE'],
  ['a.mp4', 'OTHER'],
  ['a.mp3', 'AUDIO'],
  ['a.pdf', 'OTHER'],
])('LINE would take %s (%s) and show nothing, so its address goes', (name, usage) => {
  expect(sent([file(name, usage)], line)).toEqual({ text: `Hi\n${name}: https://f.example.com/${name}`, files: [] })
})

test.each([['http://f.example.com/a.png'], [`https://f.example.com/${'a'.repeat(2000)}.png`]])(
  'LINE fetches no picture from such an address, so it goes as one: %#',
  (url) => {
    expect(sent([{ type: 'FILE', url, fileUsageType: 'IMAGE' }], line)).toEqual({ text: `Hi\n${url}`, files: [] })
  },
)

test.each([
  ['a.png', 'IMAGE', 'photo'],
  ['a.webp', 'STICKER', 'photo'],
  ['a.gif', 'IMAGE', 'animation'],
  ['a.ogg', 'VOICE_RECORDING', 'voice'],
  ['a.ogg', 'AUDIO', 'voice'],
  ['a.mp3', 'AUDIO', 'audio'],
  ['a.mp4', 'OTHER', 'video'],
  ['a.pdf', 'OTHER', 'document'],
  ['a.docx', 'OTHER', undefined],
  ['a.heic', 'IMAGE', undefined],
  ['a.mov', 'OTHER', undefined],
])('Telegram fetches %s (%s) as %s', (name, usage, as) => {
  expect(sent([file(name, usage)], telegram).files).toEqual(as === undefined ? [] : [as])
})

test('a file that is too large for its form goes by its address', () => {
  expect(sent([file('a.png', 'IMAGE', { size: 5_000_000 })]).files).toEqual(['image'])
  expect(sent([file('a.png', 'IMAGE', { size: 5_000_001 })]).files).toEqual([])
  expect(sent([file('a.png', 'IMAGE', { size: 5_000_001 })], sms).files).toEqual([])
})

test.each([
  ['sms', 'a.mp4', 500_000, ['video']],
  ['sms', 'a.mp4', 500_001, []],
  ['sms', 'a.pdf', 500_001, []],
  ['sms', 'a.gif', 5_000_000, ['image']],
  // LINE's preview of a picture is the picture.
  ['line', 'a.png', 1_000_000, ['image']],
  ['line', 'a.png', 1_000_001, []],
  ['whatsapp', 'a.pdf', 100_000_000, ['document']],
  ['whatsapp', 'a.pdf', 100_000_001, []],
  ['whatsapp', 'a.webp', 100_000, []],
  ['telegram', 'a.png', 5_000_001, []],
] as const)('by %s, %s of %i bytes goes as %j', (channel, name, size, as) => {
  expect(sent([file(name, 'OTHER', { size })], capabilitiesOf[channel]).files).toEqual(as)
})

test('a file whose type nobody knows goes as what it is used for, where the provider tells that it is none', () => {
  const unknown = { type: 'FILE', url: 'https://f.example.com/signed-url-redirect?id=1', fileUsageType: 'IMAGE' }

  expect(sent([unknown], whatsapp).files).toEqual(['image'])
  expect(sent([unknown], line).files).toEqual([])
})

test('an address that makes the text too long has the message refused', () => {
  const content = inForms(readContent({ text: 'x'.repeat(1600), attachments: [file('a.heic', 'IMAGE')] }), sms)

  expect(whatItCannotCarry(content, sms)).toMatch(/^The message is too long/)
})

test.each([
  ['a.JPG', 'https://f.example.com/x', 'image/jpeg'],
  [undefined, 'https://f.example.com/x.webp?w=1#a.png', 'image/webp'],
  ['Invoice 2.1', 'https://f.example.com/x.pdf', 'application/pdf'],
  ['a.xyz', 'https://f.example.com/x.png', 'application/x-xyz'],
  ['a', 'https://f.example.com/x', undefined],
  ['constructor', 'https://f.example.com/__proto__', undefined],
])('the type of %j at %j is %j', (name, url, type) => {
  expect(mediaTypeOf(name, url)).toBe(type)
})

test.each([
  ['👨‍👩‍👧‍👦 Family plan', 23, 19, 13],
  ['e\u0301te\u0301', 5, 5, 3],
  ['🇩🇪', 4, 2, 1],
  ['plain', 5, 5, 5],
  ['', 0, 0, 0],
])('%j counts by UTF-16 units, code points and graphemes', (text, units, points, graphemes) => {
  expect([lengthOf(text, 'UTF-16 units'), lengthOf(text, 'code points'), lengthOf(text, 'graphemes')]).toEqual([
    units,
    points,
    graphemes,
  ])
})

test('no way of counting gives more than UTF-16 units', () => {
  const source = { page: '', read: '' }
  fc.assert(
    fc.property(anyText, fc.constantFrom('code points', 'graphemes'), (text, counted) => {
      expect(lengthOf(text, counted)).toBeLessThanOrEqual(text.length)
      expect(isWithin(text, { max: lengthOf(text, counted), counted, source })).toBe(true)
    }),
  )
})

const quickReply = (label: string, value = label, type: 'text' | 'url' = 'text') => ({ label, value, type })
const content = (fields: Partial<Content>): ReturnType<typeof inForms> => ({
  text: 'Hi',
  quickReplies: [],
  cannot: [],
  ...fields,
  files: [],
})

test("LINE's labels are counted in graphemes", () => {
  const family = '👨‍👩‍👧‍👦'

  expect(whatItCannotCarry(content({ quickReplies: [quickReply(`${family} Family plan`)] }), line)).toBeUndefined()
  expect(whatItCannotCarry(content({ quickReplies: [quickReply(family.repeat(20))] }), line)).toBeUndefined()
  expect(whatItCannotCarry(content({ quickReplies: [quickReply(family.repeat(21))] }), line)).toMatch(
    /up to 20 characters/,
  )
  expect(whatItCannotCarry(content({ text: family.repeat(500) }), line)).toMatch(/up to 5000 characters, it has 5500/)
})

test.each([
  ['Shop', 'example.com/shop'],
  ['Shop', 'example.com:80/shop'],
  ['Shop', 'javascript:alert(1)'],
  ['Shop', '/shop'],
  ['Shop', 'https://'],
  ['Shop', 'https://example .com/shop'],
  ['Shop', 'https://example.com:80808/shop'],
])('a quick reply that leads to %j %j is refused by its name', (label, value) => {
  for (const takes of [line, telegram])
    expect(whatItCannotCarry(content({ quickReplies: [quickReply(label, value, 'url')] }), takes)).toMatch(
      /^The quick reply “Shop” leads to no address that this channel takes \(https:\/\/, /,
    )
})

test("LINE's links are counted in full", () => {
  const link = (length: number) => quickReply('Shop', `https://e.com/${'x'.repeat(length - 14)}`, 'url')

  expect(whatItCannotCarry(content({ quickReplies: [link(1000)] }), line)).toBeUndefined()
  expect(whatItCannotCarry(content({ quickReplies: [link(1001)] }), line)).toMatch(/addresses of up to 1000/)
})

test('a channel refuses what it cannot carry, and says all of it', () => {
  const more = content({ text: 'x'.repeat(1601), quickReplies: [quickReply('Yes')], cannot: ['A contact cannot go.'] })

  expect(whatItCannotCarry(more, sms)).toBe(
    'The message is too long: this channel takes up to 1600 characters, it has 1601. ' +
      'This channel takes no quick replies. A contact cannot go.',
  )
  expect(whatItCannotCarry(content({ text: '' }), sms)).toBe('The message is empty.')
  expect(whatItCannotCarry(content({}), sms)).toBeUndefined()
})

describe.each(all)('%s', (name, takes) => {
  test('says of everything where it is published, and when that was read', () => {
    const sources = JSON.stringify(takes).match(/"source":\{[^}]*\}/g) ?? []

    expect(sources.length).toBeGreaterThan(3)
    for (const source of sources)
      expect(JSON.parse(source.slice('"source":'.length))).toEqual({
        page: expect.stringMatching(/^https:\/\/\S+$/),
        read: expect.stringMatching(/^2026-\d\d-\d\d$/),
      })
  })

  test('each kind of recipient is written as it says', () => {
    const { provider, account } = pageOf[name]!
    for (const { given, written } of takes.recipients) {
      const adapter = senders[provider]
      const to = [{ deliveryIdentifier: { type: 'CHANNEL_SPECIFIC_OPAQUE_ID', value: given } }]
      const plan = adapter.plan({ ...job, to }, adapter.account.parse({ provider, ...account }))
      expect(plan).toHaveProperty('sends')
      const part = JSON.stringify('sends' in plan && plan.sends[0])
      const [, key, value] = written.match(/^"?(\w+)"?[=:] ?"?([^"]+)"?$/)!
      expect(part).toContain(`"${key === 'To' ? 'to' : key}":"${value}"`)
    }
  })

  test('its page says the same', () => {
    const page = readFileSync(new URL(`../../../docs/providers/${pageOf[name]!.provider}.md`, import.meta.url), 'utf8')

    expect(page).toContain(tableOf(name, takes))
  })
})
