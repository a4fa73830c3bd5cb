import fastify from 'fastify'
import * as z from 'zod'
import type { Message, NewMessage } from './hubspot/state.ts'
import { ids, type LocalRelay } from './local-relay.ts'
import type { Conduct } from './providers/simulator.ts'

/** What can be made to happen: a message and its fate, or another event of HubSpot's. */
/** The account that an event is about. */
type About = { portalId: string; channelId: string; channelAccountId: string }

/** What is running: who plays the providers, if anybody, and the accounts that are connected. */
type Running = {
  relay: LocalRelay
  player?: {
    play(channelAccountId: string, text: string, fate: Conduct, more?: Partial<NewMessage>): Promise<Message>
  }
  accounts(): string[]
  /** Where an account is, if not where all are. */
  idsOf?(channelAccountId: string): Omit<About, 'channelAccountId'> | undefined
}

type Trigger = {
  says: string
  /** What the provider does with the message. */
  conduct?: Conduct
  /** What HubSpot does with it: its calls, and its webhooks. */
  hubspot?: Pick<Parameters<LocalRelay['hubspot']['sendMessage']>[0], 'faults' | 'times' | 'signing'>
  /** An event in place of a message. */
  event?: (about: About) => object
}

const patch = (status: number, headers?: Record<string, string>) => ({
  method: 'PATCH' as const,
  answer: { status, ...(headers && { headers }) },
})
const at = ({ portalId, channelId }: About) => ({ portalId, channelId, eventTimestamp: new Date().toISOString() })
const accountEvent = (what: string) => (about: About) => ({
  type: `CHANNEL_ACCOUNT_${what}`,
  ...at(about),
  channelAccountId: about.channelAccountId,
  channelAccountDeliveryIdentifier: '+15550100001',
})

/** By the name that `trigger` takes. */
export const triggers: Record<string, Trigger> = {
  sent: { says: 'a message that is taken, and nothing after that', conduct: { receipts: [{ status: 'sent' }] } },
  delivered: { says: 'a message that arrives', conduct: { receipts: [{ status: 'sent' }, { status: 'delivered' }] } },
  read: {
    says: 'a message that is read',
    conduct: { receipts: [{ status: 'sent' }, { status: 'delivered' }, { status: 'read', afterMs: 500 }] },
  },
  failed: {
    says: 'a message that is taken, and fails later',
    conduct: { receipts: [{ status: 'failed', afterMs: 500 }] },
  },
  'read-first': {
    says: 'receipts that overtake each other: read, then delivered',
    conduct: { receipts: [{ status: 'read' }, { status: 'delivered', afterMs: 300 }] },
  },
  refused: { says: 'a message that the provider refuses', conduct: { answers: [{ reply: { status: 400 } }] } },
  'provider-down': {
    says: 'a provider that fails twice, and takes the message then',
    conduct: { answers: [{ reply: { status: 503 } }, { reply: { status: 503 } }, {}] },
  },
  silent: { says: 'a message of which the provider never says anything more', conduct: { receipts: [] } },
  'rate-limited': { says: 'HubSpot answers 429 at first', hubspot: { faults: [patch(429, { 'retry-after': '1' })] } },
  'hubspot-down': { says: 'HubSpot answers 500, twice', hubspot: { faults: [patch(500), patch(503)] } },
  'not-found': { says: 'HubSpot does not know its own message at first', hubspot: { faults: [patch(404)] } },
  'status-refused': {
    says: 'HubSpot rejects the status for good: a dead letter',
    hubspot: { faults: [{ ...patch(400), times: 'always' }] },
  },
  twice: { says: 'a webhook that comes twice', hubspot: { times: 2 } },
  forged: { says: 'a webhook that somebody else signed: refused with 401', hubspot: { signing: 'forged' } },
  'account-created': { says: 'a channel account is connected', event: accountEvent('CREATED') },
  'account-updated': { says: 'a channel account is changed', event: accountEvent('UPDATED') },
  'account-purged': { says: 'a channel account is deleted', event: accountEvent('PURGED') },
  unknown: {
    says: 'an event of a type that nobody knows',
    event: (about) => ({ type: 'SOMETHING_NEW', ...at(about) }),
  },
}

/** Makes one of them happen. Resolves with the message's id, or with the answer to the event. */
async function trigger(
  { relay, player, idsOf }: Running,
  { name, channelAccountId, text }: { name: string; channelAccountId: string; text: string },
): Promise<{ messageId: string; isForged?: true } | { answered: unknown }> {
  const { conduct, hubspot, event } = triggers[name]!
  const about = { ...ids, ...idsOf?.(channelAccountId), channelAccountId }
  if (event) return { answered: await relay.hubspot.sendEvent(event(about), { channelId: about.channelId }) }
  const sent = player
    ? await player.play(channelAccountId, text, conduct ?? { receipts: [{ status: 'sent' }] }, hubspot)
    : await relay.hubspot.sendMessage({ ...ids, channelAccountId, text, ...hubspot })
  return { messageId: sent.id, ...(hubspot?.signing === 'forged' && { isForged: true }) }
}

/** Where the command line reaches a relay that runs on this machine, to make something happen. */
export async function serveTriggers(running: Running) {
  const app = fastify({ forceCloseConnections: true })
  // JSON alone, and under no foreign name: no page of somebody else's may press this button.
  app.removeContentTypeParser('text/plain')
  app.addHook('onRequest', async ({ headers }, reply) => {
    if (!/^127\.0\.0\.1:\d+$/.test(headers.host ?? '')) return reply.code(421).send()
  })
  app.get('/triggers', async () => ({
    triggers: Object.entries(triggers).map(([name, { says }]) => ({ name, says })),
    accounts: running.accounts(),
  }))
  app.post('/triggers', async ({ body }, reply) => {
    const asked = Asked.safeParse(body)
    if (!asked.success) return reply.code(400).send({ message: z.prettifyError(asked.error) })
    const { channelAccountId = running.accounts()[0], ...about } = asked.data
    if (channelAccountId === undefined)
      return reply.code(400).send({ message: 'No channel account is connected yet: npm run relay -- --local setup' })
    const needsPlayer = triggers[asked.data.name]?.conduct !== undefined && !running.player
    if (needsPlayer) return reply.code(400).send({ message: 'In this form, no provider is played.' })
    return trigger(running, { text: `A message to be ${about.name}`, channelAccountId, ...about })
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return { url: app.listeningOrigin, stop: () => app.close() }
}

const Asked = z.strictObject({
  name: z.enum(Object.keys(triggers)),
  channelAccountId: z.string().optional(),
  text: z.string().min(1).max(5000).optional(),
})
