import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readContent } from '../../../functions/providers/content.ts'
import { anyText } from '../../support/arbitraries.ts'

test('a message of text is its text, formatting dropped', () => {
  const richText = '<div><p>Your <b>parcel</b> arrives tomorrow.</p></div>'

  expect(read({ text: ' Your parcel arrives tomorrow.\n', richText })).toEqual({
    text: 'Your parcel arrives tomorrow.',
    files: [],
    quickReplies: [],
    cannot: [],
  })
})

test.each([
  [
    'is appended with its label',
    '<a href="https://e.com/p?a=1&amp;b=2">our <i>page</i></a>',
    'our page: https://e.com/p?a=1&b=2',
  ],
  ['stands alone where it has no label', "<a href='https://e.com/p'></a>", 'https://e.com/p'],
  ['counts also where it never ends', '<p><a href=https://e.com/p>page', 'page: https://e.com/p'],
  [
    'is found behind what only looks like the end of a tag',
    '<a title="a > b" href="https://e.com/p">x</a>',
    'x: https://e.com/p',
  ],
  ['is not another attribute', '<a title=" href=no" data-href="no" HREF="https://e.com/p">x</a>', 'x: https://e.com/p'],
  ['goes once', '<a href="https://e.com/p">x</a> <a href="https://e.com/p">x</a>', 'x: https://e.com/p'],
  ['may be one to write to', '<a href="mailto:help@e.com">us</a>', 'us: mailto:help@e.com'],
  [
    'stays whole where it has spaces',
    '<a href="https://e.com/mein bild.png">x</a>',
    'x: https://e.com/mein%20bild.png',
  ],
])('the address of a link that the text does not show %s', (_, richText, line) => {
  expect(read({ text: 'Hello', richText }).text).toBe(`Hello\n${line}`)
})

test.each(['https://e.com/', 'http://www.e.com', 'mailto:help@e.com'])(
  'the address %s is not added where the text shows it',
  (href) => {
    expect(read({ text: 'See e.com or help@e.com', richText: `<a href="${href}">there</a>` }).text).toBe(
      'See e.com or help@e.com',
    )
  },
)

test.each(['javascript:alert(1)', '#top', '', 'file:///etc/passwd'])('the link %j leads nowhere', (href) => {
  expect(read({ text: 'Hello', richText: `<a href="${href}">there</a>` }).text).toBe('Hello')
})

test('where there is rich text alone, its text goes', () => {
  const richText =
    '<div><p>Tom &amp; Ada&nbsp;&#128075;</p><!-- <p>no</p> --><ul><li>one</li><li>two</li></ul>1 < 2<br>3</div>'

  expect(read({ text: '', richText }).text).toBe('Tom & Ada 👋\none\ntwo\n1 < 2\n3')
})

test.each([
  ['Hi<div>there</div>', 'Hi\nthere'],
  ['a<p>b</p>c', 'a\nb\nc'],
  ['one<hr>two', 'one\ntwo'],
  ['<blockquote>your words</blockquote>my answer', 'your words\nmy answer'],
  ['<section>a</section><section>b</section>', 'a\nb'],
  ['<dl><dt>When</dt><dd>at nine</dd></dl>', 'When\nat nine'],
  ['<pre>a</pre>b', 'a\nb'],
  ['<figure><figcaption>A caption</figcaption></figure>text', 'A caption\ntext'],
  ['<div>a<div>b</div></div>c', 'a\nb\nc'],
  ['<table><tr><td>Mon</td><td>9</td></tr><tr><th>Tue</th><td> 10</td></tr></table>', 'Mon 9\nTue 10'],
  ['<div>a</div><div><br></div><div>b</div>', 'a\n\nb'],
  ['<p>a</p><p>&nbsp;</p><p>b</p>', 'a\n\nb'],
  ['<b>a</b><i>b</i><span>c</span>', 'abc'],
])('of rich text, %j stands as %j: what is a line of its own stays one', (richText, text) => {
  expect(read({ richText }).text).toBe(text)
})

test.each([
  '<iframe src="https://e.com/film"></iframe>',
  '<video src="https://e.com/film" controls></video>',
  '<audio><source src="https://e.com/film"></audio>',
])('what is embedded goes by its address: %s', (richText) => {
  expect(read({ text: 'Hello', richText }).text).toBe('Hello\nhttps://e.com/film')
})

test('inline images are files, each once', () => {
  const url = 'https://files.example.com/a.png?x=1&y=2'
  const richText = '<img alt="a" src="https://files.example.com/a.png?x=1&amp;y=2">'

  expect(read({ richText, attachments: [{ type: 'FILE', fileUsageType: 'IMAGE', url }] }).files).toEqual([
    { url, kind: 'image' },
  ])
  expect(read({ richText: '<img src="data:image/png;base64,AAAA">' })).toMatchObject({ files: [], cannot: [noAddress] })
})

test.each([
  ['IMAGE', 'a', 'image'],
  ['AUDIO', 'a', 'audio'],
  ['VOICE_RECORDING', 'a.ogg', 'voice'],
  ['STICKER', 'a.webp', 'sticker'],
  ['OTHER', 'a.MP4', 'video'],
  ['OTHER', 'a.jpeg', 'image'],
  ['OTHER', 'a.pdf', 'file'],
  [undefined, 'a.mp3', 'audio'],
  ['constructor', 'a.constructor', 'file'],
])('a file for %s named %s is sent as %s', (fileUsageType, name, kind) => {
  const url = 'https://files.example.com/1'

  expect(read({ attachments: [{ type: 'FILE', fileId: '1', fileUsageType, name, url }] }).files).toEqual([
    { url, name, kind },
  ])
})

test('quick replies are labels with what they stand for', () => {
  const quickReplies = [
    { label: 'Yes', value: 'YES', valueType: 'TEXT' },
    { label: 'No' },
    { label: 'Shop', value: 'https://e.com', valueType: 'URL' },
  ]

  expect(read({ attachments: [{ type: 'QUICK_REPLIES', quickReplies }] }).quickReplies).toEqual([
    { label: 'Yes', value: 'YES', type: 'text' },
    { label: 'No', value: 'No', type: 'text' },
    { label: 'Shop', value: 'https://e.com/', type: 'url' },
  ])
})

test.each([
  [4_000_000, 4_000_000],
  ['4000000', 4_000_000],
  [null, undefined],
  ['', undefined],
  [-1, undefined],
  ['4 MB', undefined],
])('a file whose size HubSpot gives as %j has %j bytes', (size, bytes) => {
  expect(read({ attachments: [{ type: 'FILE', url: 'https://e.com/a.png', size }] }).files[0]?.bytes).toBe(bytes)
})

const noAddress = 'A file could not be sent: HubSpot gave no web address for it.'

test.each([
  [{ type: 'FILE', fileId: '1' }, noAddress],
  [{ type: 'FILE', url: 'ftp://files.example.com/1' }, noAddress],
  [{ type: 'FILE', url: 'https://' }, noAddress],
  [{ type: 'QUICK_REPLIES' }, 'The quick replies could not be read.'],
  [{ type: 'QUICK_REPLIES', quickReplies: [{ label: 'Yes' }, 'No'] }, 'The quick replies could not be read.'],
  [{ type: 'LOCATION', latitude: 1 }, 'A location cannot be sent through this channel.'],
  [{ type: 'CONTACT' }, 'A contact cannot be sent through this channel.'],
  [{ type: 'constructor' }, 'An attachment cannot be sent through this channel.'],
  [{}, 'An attachment cannot be sent through this channel.'],
  [null, 'An attachment cannot be sent through this channel.'],
  ['https://files.example.com/1', 'An attachment cannot be sent through this channel.'],
])('what cannot be sent is not dropped silently: %j', (attachment, sentence) => {
  expect(read({ text: 'Hello', attachments: [attachment, attachment] }).cannot).toEqual([sentence])
})

test.each([
  ['https://example.com/mein bild ü.png', 'https://example.com/mein%20bild%20%C3%BC.png'],
  ['https://example.com/mein%20bild%20%C3%BC.png', 'https://example.com/mein%20bild%20%C3%BC.png'],
  ['https://bücher.example/a.png', 'https://xn--bcher-kva.example/a.png'],
  ['https://example.com/a b?x=1 2&y=[3]#ü', 'https://example.com/a%20b?x=1%202&y=%5B3%5D#%C3%BC'],
  ['https://example.com/invoice [final].pdf', 'https://example.com/invoice%20%5Bfinal%5D.pdf'],
  ['https://[2001:db8::1]:8443/a[1].png', 'https://[2001:db8::1]:8443/a%5B1%5D.png'],
  ['https://[2001:DB8::1]', 'https://[2001:db8::1]/'],
  ['https://example.com/100% off.png', 'https://example.com/100%25%20off.png'],
  ['https://example.com/50%?x={a}|b^c`', 'https://example.com/50%25?x=%7Ba%7D%7Cb%5Ec%60'],
])('a special character of an address is encoded, once: %s', (url, href) => {
  const quickReplies = [{ label: 'Shop', value: url, valueType: 'URL' }]

  expect(read({ attachments: [{ type: 'FILE', url }] }).files).toMatchObject([{ url: href }])
  expect(read({ richText: `<img src="${url.replaceAll('&', '&amp;')}">` }).files).toMatchObject([{ url: href }])
  expect(read({ attachments: [{ type: 'QUICK_REPLIES', quickReplies }] }).quickReplies).toMatchObject([{ value: href }])
})

test('the spaces of a telephone number that a quick reply leads to are encoded', () => {
  const quickReplies = [{ label: 'Call', value: 'tel:+49 (170) 123-4567', valueType: 'URL' }]

  expect(read({ attachments: [{ type: 'QUICK_REPLIES', quickReplies }] }).quickReplies).toMatchObject([
    { value: 'tel:+49%20(170)%20123-4567' },
  ])
})

test.each([
  ['caf&eacute; &ndash; ok', 'café – ok'],
  ['&Uuml;ber &euro;&nbsp;5 &hellip; &copy;&trade;', 'Über € 5 … ©™'],
  ['&#8364; &#x20AC; &#128075;', '€ € 👋'],
  ['AT&T &amp; co &unknown; &', 'AT&T & co &unknown; &'],
  ['&notin; &NotEqualTilde;', '∉ ≂̸'],
  ['1 &lt; 2 &amp;amp; 3', '1 < 2 &amp; 3'],
  ['&#0; &#xD800; &#x110000;', '\ufffd \ufffd \ufffd'],
  ['<p title="&quot;>&quot;">one</p><style>p { color: red }</style><script>alert("two")</script>', 'one'],
  ['<title>no</title><TEMPLATE>no</TEMPLATE>yes', 'yes'],
  ['<![CDATA[x]]>one<!DOCTYPE html><?php no ?>', 'one'],
])('rich text %j reads %j, by the names that HTML gives characters', (richText, text) => {
  expect(read({ richText }).text).toBe(text)
})

test('whatever the text and the attachments are, reading never throws', () => {
  const markup = fc
    .array(
      fc.oneof(
        anyText,
        fc.constantFrom('<a href=', '<img src=', '"', "'", '>', '</a>', '<!--', '-->', '<', '&#', '&amp;', ';'),
      ),
    )
    .map((pieces) => pieces.join(''))

  fc.assert(
    fc.property(anyText, markup, fc.array(fc.jsonValue()), (text, richText, attachments) => {
      const seen = /[\p{Lu}\p{Ll}\p{N}\p{P}]/u.test(text) ? text.trim() : ''
      expect(read({ text, richText, attachments }).text).toContain(seen)
    }),
  )
})

test.each([
  '<b>',
  '</i>',
  '<b></i>',
  '<p><div>',
  '<form>',
  '<svg><a>',
  '&amp',
  '&notin',
  '<img src=x>',
  '<a href=x x=y>',
  '<a ',
  '<a href="',
  '<!--',
  '<',
  '</',
  "<a b='",
  '<a href=https://e.com>',
  '&#',
  ' = ',
])('rich text of many %j takes a time in proportion', (piece) => {
  const seconds = (times: number) => {
    const begin = process.cpuUsage().user
    read({ text: 'Hello', richText: piece.repeat(times) })
    return (process.cpuUsage().user - begin) / 1e6
  }

  // A hundred times as much in quadratic time would take hours.
  expect(seconds(200_000)).toBeLessThan(5)
})

function read(fields: Partial<Parameters<typeof readContent>[0]>) {
  return readContent({ text: '', attachments: [], ...fields })
}

test('rich text of many different links and pictures takes a time in proportion', () => {
  const many = (times: number, piece: (index: number) => string) =>
    Array.from({ length: times }, (_, i) => piece(i)).join('')
  const begin = process.cpuUsage().user

  read({ text: 'x'.repeat(500_000), richText: many(20_000, (i) => `<a href="https://e.com/${i}">x</a>`) })
  read({ text: 'Hello', richText: many(50_000, (i) => `<img src="https://e.com/${i}.png">`) })

  expect((process.cpuUsage().user - begin) / 1e6).toBeLessThan(10)
})

test.each(['\u200b', ' \u2060\n', '\u00ad', '\ufe0f', '\u3164', '\u2800'])(
  'a text of which nothing can be seen is none: %j',
  (text) => {
    expect(read({ text }).text).toBe('')
    expect(read({ text, richText: `<p>${text}</p>` }).text).toBe('')
    expect(read({ text, richText: '<p>Hello</p>' }).text).toBe('Hello')
  },
)

test.each(['👍🏽', '❤️', '1️⃣', '.', '🇩🇪', 'ه'])('a text of which little can be seen is one: %s', (text) => {
  expect(read({ text }).text).toBe(text)
})
