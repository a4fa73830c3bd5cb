import type { MessageKey } from '../../functions/messages/jobs.ts'

/** Where messages are looked for: in one HubSpot account, in one channel, or in all. */
export type Narrow = { portal?: string | undefined; channel?: string | undefined }

/** Whether it is one of those messages. */
export const isWithin = ({ portalId, channelId }: Omit<MessageKey, 'messageId'>, { portal, channel }: Narrow) =>
  (portal ?? portalId) === portalId && (channel ?? channelId) === channelId
