import { parseJson } from '../../platform/json.ts'
import type { Catalogue } from '../catalogue.ts'
import { verdictsOf } from '../verdict.ts'

const permissions = Array.from({ length: 100 }, (_, index) => 200 + index)
const setUp = 'Our WhatsApp account is not set up rightly for sending: tell whoever looks after it'
const access = 'WhatsApp no longer accepts our access token: tell whoever looks after the WhatsApp account'
const permission = 'Our WhatsApp access lacks a permission: tell whoever looks after the WhatsApp account'
const busy = 'WhatsApp took too many messages from us at once: send it again later'
const unavailable = 'WhatsApp could not be reached just now: send it again later'
const malformed = 'WhatsApp did not accept something in this message'
const registration = 'Our WhatsApp number is not set up rightly: tell whoever looks after the WhatsApp account'
const template = 'The message template could not be used'

/**
 * Meta's codes, of answers and of receipts.
 * Rule: developers.facebook.com, WhatsApp Business Platform, "Error codes".
 */
export const catalogue: Catalogue = {
  // Access
  0: access,
  3: permission,
  5: setUp,
  10: permission,
  101: setUp,
  102: access,
  190: access,
  ...Object.fromEntries(permissions.map((code) => [code, permission])),
  131005: permission,
  12: setUp,
  104: access,
  803: setUp,
  2500: access,
  2635: setUp,

  // Limits
  4: busy,
  17: busy,
  32: busy,
  341: busy,
  613: busy,
  80007: busy,
  80008: busy,
  130429: busy,
  131048: 'WhatsApp holds back our messages, as too many were blocked or reported as spam by customers',
  131056: 'Too many messages went to this customer in a short time: wait a little, then send it again',
  131064: 'Our WhatsApp account has reached its limit of messages',
  133016: 'Our WhatsApp number was registered too often in a short time: it can be used again in three days',

  // What Meta does not allow
  368: 'Our WhatsApp account is blocked for a while, for breaking a policy of WhatsApp',
  130497: "Our WhatsApp account may not write to customers in this customer's country",
  131031: 'Our WhatsApp account is locked: tell whoever looks after it',

  // Meta itself
  1: 'WhatsApp could not process this message',
  2: unavailable,
  33: 'Our WhatsApp number no longer exists',
  131000: 'Something went wrong at WhatsApp: send it again later',
  131016: unavailable,
  131057: 'Our WhatsApp account is being maintained: send it again in a few minutes',
  133004: unavailable,
  135000: malformed,

  // The message and whom it is for
  100: malformed,
  130472:
    'WhatsApp did not deliver this message, as the customer is part of an experiment of Meta: try another channel',
  131001: 'The text is longer than WhatsApp allows',
  131002: malformed,
  131006: malformed,
  131008: malformed,
  131009: malformed,
  131021: 'The message is addressed to our own WhatsApp number',
  131026:
    'WhatsApp cannot reach this customer: the number may not be on WhatsApp, its app may be too old, or the new terms not accepted',
  131030: 'This number is not on the list of numbers that our WhatsApp test number may write to',
  131037: 'The display name of our WhatsApp number is not approved yet',
  131042: 'WhatsApp does not send our messages, as there is a problem with our payment for them',
  131043: 'The message expired before WhatsApp could deliver it',
  131045: registration,
  131047: 'More than 24 hours have passed since the customer last wrote: WhatsApp now takes only message templates',
  131049:
    'WhatsApp did not deliver this message, to spare the customer too many of its kind: do not send it again within 24 hours',
  131050: 'The customer no longer wants marketing messages from us',
  131051: 'WhatsApp does not support this kind of message',
  131052: 'WhatsApp could not fetch the file of this message',
  131053:
    'WhatsApp could not take the file: it may be too large, of another type than it claims to be, or not reachable',
  131055: 'WhatsApp takes only marketing templates this way',
  131062: "WhatsApp needs the customer's phone number for this message",
  131063: 'Marketing templates are switched off for our WhatsApp account',
  137000: "The customer's WhatsApp has changed, by a new phone, say: check with them before writing again",

  // Templates
  132000: template,
  132001: 'The message template does not exist in this language, or is not approved',
  132005: 'The message template is too long with what was filled in',
  132007: 'The message template breaks a policy of WhatsApp',
  132008: template,
  132012: template,
  132015: 'The message template is paused, as customers disliked it',
  132016: 'The message template is disabled for good, as customers disliked it',
  132018: template,
  132068: 'The form in this message is blocked',
  132069: 'The form in this message was sent too often in the last hour',
  134101: 'The message template is not ready yet: send it again in ten minutes',
  134102: 'The message template is not available',

  // Our number
  133000: registration,
  133005: registration,
  133006: registration,
  133008: registration,
  133009: registration,
  133010: 'Our WhatsApp number is not registered: tell whoever looks after the WhatsApp account',
  133015: registration,
}

/**
 * What each code means where it is the answer to a send. Of a limit Meta says that it did not take the message; of a
 * failure of its own (2, 131000, 131016) it does not.
 * Rule: developers.facebook.com, WhatsApp Business Platform, "Error codes", and Graph API, "Handling errors"; read on 28
 * November 2026.
 */
export const verdicts = verdictsOf(catalogue, {
  later: [4, 17, 32, 341, 613, 80007, 80008, 130429, 131056, 131057, 134101],
  account: [
    ...[0, 3, 5, 10, 12, 33, 101, 102, 104, 190, ...permissions, 368, 803, 2500, 2635],
    ...[131005, 131031, 131037, 131042, 131045],
    ...[133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016],
  ],
  'in doubt': [2, 131000, 131016, 133004],
  // An invalid request, or a failure of Meta's.
  byStatus: [1],
})

/** What Meta says of this very case, in an error's `error_data`: an object, or a text, which may be one in JSON. */
export function detailIn(data: unknown): string | undefined {
  const inner = typeof data === 'string' ? (parseJson(data) ?? { details: data }) : data
  const { details } = Object(inner)
  return typeof details === 'string' ? details : undefined
}
