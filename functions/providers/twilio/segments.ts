// GSM 03.38, of which a character of the second row counts as two.
const basic = new Set(
  '@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !"#¤%&\'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà',
)
const extended = new Set('^{}\\[~]|€\f')

/**
 * Whether a text goes as one SMS: up to 160 characters of the GSM alphabet, or up to 70 of any.
 * Rule: www.twilio.com/docs/glossary/what-sms-character-limit.
 */
export function isOneSegment(text: string) {
  const characters = [...text]
  if (!characters.every((one) => basic.has(one) || extended.has(one))) return text.length <= 70
  return characters.length + characters.filter((one) => extended.has(one)).length <= 160
}
