import type { Catalogue } from '../catalogue.ts'

const badRecipient =
  "The contact's LINE id is not one: it begins with U, C or R and is given by LINE to this account alone"
const badFile = "LINE does not take the file's address: it needs https and at most 2000 characters"

/**
 * How LINE's words for a refusal begin. Where it names the field that is wrong, the words are `The property, '…'`.
 * Rule: developers.line.biz, Messaging API reference, "Error messages".
 */
export const catalogue: Catalogue = {
  // Whom it is from
  'access to this api is not available': 'Our LINE account may not send messages by itself: its plan does not allow it',
  'not found': 'LINE does not know what was asked of it: tell whoever looks after the LINE account',
  'you have reached your monthly limit': 'Our LINE account has used up its messages of this month',

  // Whom the message is for
  'failed to send messages': 'LINE knows no such customer of this account, or cannot reach them',
  "the property, 'to'": badRecipient,

  // What is in it
  "the property, 'text'": 'LINE does not take the text of this message',
  "the property, 'originalcontenturl": badFile,
  "the property, 'previewimageurl": badFile,
  "the property, 'quickreply": 'LINE does not take the quick replies of this message',
  'the request body': 'LINE does not take something in this message',
  'the property': 'LINE does not take something in this message',
}
