import * as z from 'zod'
import type { Table } from '../platform/table.ts'

/** Which of a channel's messages HubSpot refused, all of them in the same way, and none of them taken since. */
const Rejected = z.object({
  version: z.number(),
  alike: z.string(),
  messages: z.array(z.string()),
  /** When a refused message was taken after all, in milliseconds since 1970. */
  recoveredAt: z.number().default(0),
  expiresAt: z.number(),
})

/** Whether HubSpot refuses message after message of a channel: kept by all Lambdas together, written where something is refused. */
export type Rejections = ReturnType<typeof createRejections>

/** How many messages refused in the same way are no coincidence. */
const systematicFrom = 20
// In milliseconds. Whatever was wrong, after a day it is found out again.
const keptFor = 86_400_000
// A race that some messages lose is no refusal of them all.
const recoveredFor = 3_600_000
const rememberedFor = 10_000

/** Rejections in the portals table, one item for each channel that has any. */
export function createRejections({ table, now }: { table: Table; now(): number }) {
  const systematic = new Map<string, { alike: string; messages: string[]; until: number }>()
  const lastOf = new Map<string, Promise<unknown>>()

  /** One after another: the records of a batch would keep each other from writing. */
  function inTurn<Answer>(pk: string, work: () => Promise<Answer>): Promise<Answer> {
    const mine = (lastOf.get(pk) ?? Promise.resolve()).then(work, work)
    lastOf.set(pk, mine)
    return mine
  }

  async function read(pk: string) {
    const known = Rejected.safeParse(await table.get(pk)).data
    return known && { ...known, isOver: known.expiresAt * 1000 < now() }
  }

  async function count(
    pk: string,
    messageId: string,
    { alike, isYoung }: { alike: string; isYoung: boolean },
  ): Promise<{ isSystematic: boolean; isNews?: boolean }> {
    for (let attempt = 0; attempt < 5; attempt++) {
      const known = await read(pk)
      if (known && !known.isOver && now() - known.recoveredAt < recoveredFor) return { isSystematic: false }
      const isSame = known && !known.isOver && known.alike === alike
      const messages = isSame ? known.messages : []
      if (messages.length >= systematicFrom) {
        if (systematic.size > 1000) systematic.clear()
        systematic.set(pk, { alike, messages, until: now() + rememberedFor })
        return { isSystematic: !messages.includes(messageId) }
      }
      if (isYoung || messages.includes(messageId)) return { isSystematic: false }
      const counted = {
        pk,
        version: (known?.version ?? 0) + 1,
        alike,
        messages: [...messages, messageId],
        expiresAt: Math.ceil((now() + keptFor) / 1000),
      }
      if (await table.putIfNextVersion(counted))
        return { isSystematic: false, isNews: counted.messages.length === systematicFrom }
    }
    return { isSystematic: false }
  }

  return {
    /**
     * Counts a refused message, unless it is too early to say so of it. Says whether so many were refused in this way that
     * it is no accident of this one; `isNews`: since this one.
     */
    async note(
      message: MessageOfChannel,
      { alike, isYoung }: { alike: string; isYoung: boolean },
    ): Promise<{ isSystematic: boolean; isNews?: boolean }> {
      const pk = rejectionsKey(message)
      const remembered = systematic.get(pk)
      if (remembered && remembered.until > now() && remembered.alike === alike)
        return { isSystematic: !remembered.messages.includes(message.messageId) }
      return inTurn(pk, () => count(pk, message.messageId, { alike, isYoung }))
    },

    /** A message that had been refused was taken: so others may be, too. */
    async recovered(message: MessageOfChannel) {
      const pk = rejectionsKey(message)
      systematic.delete(pk)
      const known = await read(pk)
      if (!known || known.isOver || now() - known.recoveredAt < recoveredFor / 2) return
      const { alike, expiresAt } = known
      await table.putIfNextVersion({
        pk,
        version: known.version + 1,
        alike,
        messages: [],
        recoveredAt: now(),
        expiresAt,
      })
    },
  }
}

type MessageOfChannel = { portalId: string; channelId: string; messageId: string }

const rejectionsKey = ({ portalId, channelId }: MessageOfChannel) => `rejections#${portalId}#${channelId}`
