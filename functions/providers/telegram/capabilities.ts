import type { Capabilities } from '../capabilities.ts'

const read = '2026-11-28'
const api = 'https://core.telegram.org/bots/api'
const files = { page: `${api}#sending-files`, read }
const of = (method: string) => ({ page: `${api}#${method}`, read })

/** What the Bot API takes of files that it fetches by their address. */
export const capabilities: Capabilities = {
  text: { max: 4096, counted: 'code points', source: of('sendmessage') },
  caption: {
    max: 1024,
    counted: 'code points',
    under: ['photo', 'animation', 'audio', 'voice', 'video', 'document'],
    source: of('sendphoto'),
  },
  quickReplies: {
    max: 100,
    label: { max: 256, counted: 'code points', source: of('keyboardbutton') },
    links: ['https://', 'http://', 'tg://'],
    source: of('inlinekeyboardbutton'),
  },
  files: {
    atOnce: 1,
    tells: true,
    forms: [
      {
        as: 'photo',
        uses: ['image', 'sticker'],
        types: ['image/jpeg', 'image/png', 'image/webp', 'image/bmp'],
        megabytes: 5,
        source: files,
      },
      { as: 'animation', uses: ['image'], types: ['image/gif'], megabytes: 20, source: of('sendanimation') },
      {
        as: 'voice',
        uses: ['voice'],
        types: ['audio/ogg', 'audio/mpeg', 'audio/mp4'],
        megabytes: 20,
        source: of('sendvoice'),
      },
      { as: 'audio', uses: ['audio'], types: ['audio/mpeg', 'audio/mp4'], megabytes: 20, source: of('sendaudio') },
      { as: 'voice', uses: ['audio'], types: ['audio/ogg'], megabytes: 20, source: of('sendvoice') },
      { as: 'video', uses: ['video'], types: ['video/mp4'], megabytes: 20, source: of('sendvideo') },
      { as: 'document', uses: ['file'], types: ['application/pdf', 'application/zip'], megabytes: 20, source: files },
    ],
  },
  recipients: [
    { what: 'a chat’s id', given: '900000004', written: '"chat_id": "900000004"', source: of('sendmessage') },
    {
      what: 'a public channel',
      given: '@channelusername',
      written: '"chat_id": "@channelusername"',
      source: of('sendmessage'),
    },
  ],
}
