import type { Capabilities } from '../capabilities.ts'

const read = '2026-11-28'
const docs = 'https://developers.facebook.com/documentation/business-messaging/whatsapp'
const media = { page: `${docs}/business-phone-numbers/media#supported-media-types`, read }
const text = { page: `${docs}/messages/text-messages`, read }
const buttons = { page: `${docs}/messages/interactive-reply-buttons-messages`, read }
const ids = { page: `${docs}/business-scoped-user-ids`, read }

/** What the WhatsApp Cloud API takes within 24 hours of a customer's message. Other files it takes, and fails minutes later (131053). */
export const capabilities: Capabilities = {
  text: { max: 4096, counted: 'code points', source: text },
  caption: { max: 1024, counted: 'code points', under: ['image', 'video', 'document'], source: media },
  quickReplies: {
    max: 3,
    label: { max: 20, counted: 'code points', source: buttons },
    value: { max: 256, counted: 'code points', source: buttons },
    links: [],
    source: buttons,
  },
  files: {
    atOnce: 1,
    tells: true,
    forms: [
      { as: 'sticker', uses: ['sticker'], types: ['image/webp'], megabytes: 0.5, source: media },
      { as: 'image', uses: ['image', 'sticker'], types: ['image/jpeg', 'image/png'], megabytes: 5, source: media },
      {
        as: 'audio',
        uses: ['audio', 'voice'],
        types: ['audio/aac', 'audio/amr', 'audio/mpeg', 'audio/mp4', 'audio/ogg'],
        megabytes: 16,
        source: media,
      },
      { as: 'video', uses: ['video'], types: ['video/mp4', 'video/3gpp'], megabytes: 16, source: media },
      {
        as: 'document',
        uses: ['file'],
        types: [
          'application/pdf',
          'text/plain',
          'application/msword',
          'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
          'application/vnd.ms-excel',
          'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
          'application/vnd.ms-powerpoint',
          'application/vnd.openxmlformats-officedocument.presentationml.presentation',
        ],
        megabytes: 100,
        source: media,
      },
    ],
  },
  recipients: [
    { what: 'a phone number', given: '+49 170 1234567', written: '"to": "491701234567"', source: text },
    { what: 'a `wa_id` of WhatsApp’s', given: '491701234567', written: '"to": "491701234567"', source: text },
    {
      what: 'a user id of WhatsApp’s',
      given: 'US.13491208655302741918',
      written: '"recipient": "US.13491208655302741918"',
      source: ids,
    },
  ],
}
