import type { Capabilities, Form } from '../capabilities.ts'
import type { TwilioAccount } from './account.ts'

const read = '2026-11-28'
const docs = 'https://www.twilio.com/docs'
const types = { page: `${docs}/messaging/guides/accepted-mime-types`, read }
const whatsAppMedia = { page: `${docs}/whatsapp/guidance-whatsapp-media-messages`, read }
const message = { page: `${docs}/messaging/api/message-resource#create-a-message-resource`, read }

const text = { max: 1600, counted: 'code points', source: message } as const
const number = (written: string) => ({ what: 'a phone number', given: '+49 170 1234567', written, source: message })

const media = (uses: Form['uses'], types: string[], megabytes: number, source: Form['source']): Form => ({
  as: uses[0] === 'image' || uses[0] === 'video' ? uses[0] : 'media',
  uses,
  types,
  megabytes,
  source,
})

/** What Twilio takes for each channel. An error of type or size (12300, 11751, 63019) comes by a receipt. */
export const capabilities: Record<TwilioAccount['channel'], Capabilities> = {
  sms: {
    text,
    caption: { ...text, under: ['image', 'video', 'media'] },
    files: {
      atOnce: 10,
      together: 5,
      tells: true,
      // Pictures Twilio makes smaller for a carrier that wants that, nothing else.
      forms: [
        media(['image', 'sticker'], ['image/jpeg', 'image/png', 'image/gif'], 5, message),
        media(['video'], ['video/mp4', 'video/mpeg', 'video/quicktime', 'video/webm', 'video/3gpp'], 0.5, message),
        media(['audio', 'voice'], ['audio/mpeg', 'audio/mp4', 'audio/ogg', 'audio/amr'], 0.5, message),
        media(
          ['file'],
          ['application/pdf', 'text/vcard', 'text/csv', 'text/calendar', 'application/rtf'],
          0.5,
          message,
        ),
      ],
    },
    recipients: [number('To=+491701234567')],
  },
  whatsapp: {
    text,
    caption: { max: 1024, counted: 'code points', under: ['image', 'video'], source: whatsAppMedia },
    files: {
      atOnce: 1,
      tells: true,
      forms: [
        media(['image', 'sticker'], ['image/jpeg', 'image/png'], 5, whatsAppMedia),
        media(['sticker'], ['image/webp'], 0.1, whatsAppMedia),
        media(['video'], ['video/mp4'], 16, whatsAppMedia),
        media(['audio', 'voice'], ['audio/ogg', 'audio/amr', 'audio/aac', 'audio/mpeg'], 16, whatsAppMedia),
        media(
          ['file'],
          [
            'application/pdf',
            'application/msword',
            'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
            'application/vnd.openxmlformats-officedocument.presentationml.presentation',
            'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
            'text/vcard',
          ],
          16,
          whatsAppMedia,
        ),
      ],
    },
    recipients: [
      number('To=whatsapp:+491701234567'),
      { what: 'a `WaId` of Twilio’s', given: '491701234567', written: 'To=whatsapp:+491701234567', source: message },
      {
        what: 'a user id of WhatsApp’s',
        given: 'US.13491208655302741918',
        written: 'To=whatsapp:US.13491208655302741918',
        source: message,
      },
    ],
  },
  rcs: {
    text,
    caption: { max: 1024, counted: 'code points', under: ['image', 'video'], source: types },
    files: {
      atOnce: 1,
      tells: true,
      forms: [
        media(['image', 'sticker'], ['image/jpeg', 'image/png', 'image/gif'], 16, types),
        media(['video'], ['video/mp4', 'video/mpeg', 'video/webm'], 16, types),
        media(['file'], ['application/pdf'], 16, types),
      ],
    },
    recipients: [number('To=rcs:+491701234567')],
  },
}
