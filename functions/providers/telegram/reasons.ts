import type { Catalogue } from '../catalogue.ts'

const noAddress = 'Telegram does not know this chat: the customer has to write to the bot first'
const removed = 'The bot has been removed from this chat'
const noRights = 'The bot may not send this here: an administrator of the chat has to allow it'
const badFile = 'Telegram does not take this file: it is of a wrong kind, or its address has no file'
const unreachableFile = 'Telegram could not fetch the file from its address'
const tooLong = 'The message is too long for Telegram'

/**
 * How Telegram's words for a refusal begin, without `Bad Request: ` and the like, and in lower case.
 * Rule: github.com/tdlib/telegram-bot-api and github.com/tdlib/td, which are what answers.
 */
export const catalogue: Catalogue = {
  // Whom the message is for
  'bot was blocked by the user': 'The customer has blocked the bot',
  "bot can't initiate conversation with a user": 'A bot cannot write first: the customer has to write to it',
  'user is deactivated': "The customer's Telegram account no longer exists",
  "the bot can't send messages to the bot": 'Bots cannot write to bots',
  "bot can't send messages to bots": 'Bots cannot write to bots',
  "bots can't send messages to bots": 'Bots cannot write to bots',
  'chat not found': noAddress,
  'private chat not found': noAddress,
  'user not found': noAddress,
  peer_id_invalid: noAddress,
  'chat_id is empty': 'The message has no Telegram chat to go to',

  // Groups and channels
  'group chat was upgraded to a supergroup chat':
    'This group has become a supergroup, with another id: its contact needs the new one',
  'group chat was migrated to a supergroup chat':
    'This group has become a supergroup, with another id: its contact needs the new one',
  'the group chat was deleted': 'This group was deleted',
  'group is deactivated': 'This group was deleted',
  'bot was kicked from the': removed,
  'bot is not a member of the': removed,
  'not enough rights': noRights,
  'have no rights to send a message': noRights,
  'have no write access to the chat': noRights,
  'need administrator rights': noRights,
  chat_write_forbidden: noRights,
  chat_restricted: noRights,
  chat_send_: noRights,
  chat_admin_required: noRights,
  channel_private: removed,
  chat_forbidden: removed,
  chat_guest_send_forbidden: 'Only members of this group may write in it: the bot has to be added',
  topic_closed: 'This topic of the group is closed',
  topic_deleted: 'This topic of the group does not exist',
  'message thread not found': 'This topic of the group does not exist',
  user_banned_in_channel: 'Telegram has limited the bot, as messages of it were reported',
  user_restricted: 'Telegram has limited the bot, as messages of it were reported',
  allow_payment_required: 'The customer takes messages only from those who pay for them in Telegram Stars',
  privacy_premium_required: 'The customer takes messages only from those whom they know',
  voice_messages_forbidden: 'The customer takes no voice messages',

  // What is in it
  'message is too long': tooLong,
  'message caption is too long': tooLong,
  'text is too long': tooLong,
  'message text is empty': 'The message is empty',
  'text must be non-empty': 'The message is empty',
  'text must be encoded in utf-8': 'The message has characters that Telegram does not take',
  'wrong file identifier': badFile,
  'wrong type of the web page content': badFile,
  'wrong http url specified': badFile,
  'invalid file http url specified': badFile,
  'photo has unsupported extension': badFile,
  webpage_curl_failed: unreachableFile,
  webpage_media_empty: badFile,
  media_empty: badFile,
  media_invalid: badFile,
  external_url_invalid: badFile,
  photo_invalid_dimensions: 'Telegram does not take a picture of this size: send it as a document',
  image_process_failed: badFile,
  'failed to get http url content': unreachableFile,
  "can't upload file by url": unreachableFile,
  'file is too big': 'The file is too big for Telegram',
  'file must be non-empty': 'The file is empty',
  button_url_invalid: 'Telegram does not take the address of a button',
  'inline keyboard button': 'Telegram does not take the address of a button',
  'reply markup is too long': 'There are too many quick replies for Telegram',
}

/**
 * Rejections that are about the bot and not about the message: its token, the server that it has moved to, or Telegram's having
 * frozen it.
 */
export const aboutTheBot = {
  codes: [401, 404, 421],
  words:
    /^(unauthorized|not found|logged out|misdirected request|frozen_\w+|access_token_\w+|auth_key_\w+|session_\w+|bot_method_invalid)/i,
}
