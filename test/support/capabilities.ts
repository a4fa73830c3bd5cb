import type { Capabilities } from '../../functions/providers/capabilities.ts'
import { capabilities as line } from '../../functions/providers/line/capabilities.ts'
import { capabilities as telegram } from '../../functions/providers/telegram/capabilities.ts'
import { capabilities as twilio } from '../../functions/providers/twilio/capabilities.ts'
import { capabilities as whatsapp } from '../../functions/providers/whatsapp/capabilities.ts'

/** What each channel of a provider takes. */
export const capabilitiesOf = {
  sms: twilio.sms,
  'whatsapp at Twilio': twilio.whatsapp,
  rcs: twilio.rcs,
  line,
  telegram,
  whatsapp,
}

const sid = `AC${'0'.repeat(32)}`
const ofTwilio = (channel: string) => ({
  provider: 'twilio' as const,
  account: { accountSid: sid, authTokens: ['0'.repeat(32)], from: '+15550100001', channel },
})

/** The provider on whose page a channel stands, and an account of it. */
export const pageOf: Record<string, { provider: 'line' | 'telegram' | 'twilio' | 'whatsapp'; account: object }> = {
  sms: ofTwilio('sms'),
  'whatsapp at Twilio': ofTwilio('whatsapp'),
  rcs: ofTwilio('rcs'),
  line: { provider: 'line', account: { channelAccessToken: 'x' } },
  telegram: { provider: 'telegram', account: { botToken: '1:a' } },
  whatsapp: {
    provider: 'whatsapp',
    account: { phoneNumberId: '1', accessToken: 'x', appSecrets: ['x'], verifyToken: 'x' },
  },
}

const titles: Record<string, string> = {
  sms: 'By SMS and MMS',
  'whatsapp at Twilio': 'Over WhatsApp',
  rcs: 'Over RCS',
}

/** The table of a provider's page, made of the data by which the code decides. */
export function tableOf(name: string, { text, caption, quickReplies, files, recipients }: Capabilities) {
  const link = ({ page }: { page: string }) => `[published](${page})`
  const rows = [
    ['a text', `up to ${text.max} characters, counted in ${text.counted}`, link(text.source)],
    ...(caption
      ? [
          [
            `a text with a file (${[...new Set(caption.under)].join(', ')})`,
            `up to ${caption.max} characters, counted in ${caption.counted}`,
            link(caption.source),
          ],
        ]
      : []),
    ...(quickReplies
      ? [
          [
            'quick replies',
            `up to ${quickReplies.max}, of up to ${quickReplies.label.max} characters, counted in ${quickReplies.label.counted}; links: ${quickReplies.links.map((scheme) => `\`${scheme}\``).join(', ') || 'none'}`,
            link(quickReplies.source),
          ],
        ]
      : []),
    ...files.forms.map(({ as, types, megabytes, source }) => [
      `a file as ${as}`,
      `${types.map((type) => `\`${type}\``).join(', ')}, up to ${megabytes} MB`,
      link(source),
    ]),
    ['files in one send', `${files.atOnce}${files.together ? `, of ${files.together} MB together` : ''}`, ''],
    ...recipients.map(({ what, given, written, source }) => [
      `to ${what}`,
      `\`${given}\` → \`${written}\``,
      link(source),
    ]),
  ]
  const head = `| ${titles[name] ?? 'What it takes'} | | |\n|---|---|---|`
  return [head, ...rows.map((cells) => `| ${cells.join(' | ')} |`)].join('\n')
}
