import type { Capabilities } from '../capabilities.ts'

const read = '2026-11-28'
const reference = 'https://developers.line.biz/en/reference/messaging-api/'
const counting = { page: 'https://developers.line.biz/en/docs/messaging-api/text-character-count/', read }
const image = { page: `${reference}#image-message`, read }
const action = { page: `${reference}#message-action`, read }
const uriAction = { page: `${reference}#uri-action`, read }
const quickReply = { page: `${reference}#quick-reply`, read }
const push = { page: `${reference}#send-push-message`, read }

/** What LINE takes. Of a picture of another type it says nothing, and shows none; so films want a preview, and sounds a duration. */
export const capabilities: Capabilities = {
  text: { max: 5000, counted: 'UTF-16 units', source: counting },
  quickReplies: {
    max: 13,
    label: { max: 20, counted: 'graphemes', source: action },
    value: { max: 300, counted: 'graphemes', source: action },
    link: { max: 1000, counted: 'UTF-16 units', source: uriAction },
    links: ['https://', 'http://', 'line://', 'tel:'],
    source: quickReply,
  },
  files: {
    atOnce: 5,
    tells: false,
    address: { scheme: 'https', max: 2000 },
    // A picture may have 10 MB, its preview 1, and HubSpot gives none that is smaller: it is its own.
    forms: [
      { as: 'image', uses: ['image', 'sticker'], types: ['image/jpeg', 'image/png'], megabytes: 1, source: image },
    ],
  },
  recipients: [
    {
      what: 'the id of a user, group or room, by LINE',
      given: 'U4af4980629d1e7a0f0c8e2f6d7e0b9a1',
      written: '"to": "U4af4980629d1e7a0f0c8e2f6d7e0b9a1"',
      source: push,
    },
  ],
}
