import type { FastifyInstance, FastifyRequest } from 'fastify'
import * as z from 'zod'
import { parseJson } from '../../../functions/platform/json.ts'
import { keepRawBody } from '../simulator.ts'
import { channelPaths, portalOf, record, respond, usualAnswer } from './api.ts'
import type { State } from './state.ts'
import { accountEvent, deliver } from './webhooks.ts'

/** An account of a custom channel: what connects it to an inbox of a portal. */
type ChannelAccount = z.infer<typeof NewAccount> & {
  id: string
  portalId: string
  channelId: string
  createdAt: string
}

/** The part of HubSpot's public API that connects channel accounts to inboxes. */
export function accountsApi(hubspot: State) {
  const accounts = new Map<string, ChannelAccount>()

  /** Makes an account, and posts the event of it. */
  function connect(portalId: string, channelId: string, given: z.infer<typeof NewAccount>) {
    const id = String(3_100_000_000 + accounts.size)
    const account = { ...given, id, portalId, channelId, createdAt: new Date(hubspot.now()).toISOString() }
    accounts.set(id, account)
    const about = { type: 'CHANNEL_ACCOUNT_CREATED', portalId, channelId, channelAccountId: id } as const
    const event = accountEvent(hubspot.behaviour, hubspot.now(), about)
    void deliver(hubspot, { channelId, event: () => event }).catch(() => {})
    return account
  }

  return async (app: FastifyInstance) => {
    keepRawBody(app)

    app.get('/conversations/v3/conversations/inboxes', (request, reply) => {
      const portal = portalOf(hubspot, request.headers.authorization)
      const results = [{ id: '77001', name: 'Help desk', type: 'HELP_DESK', archived: false }]
      const answer = portal ? { status: 200, body: { total: 1, results } } : usualAnswer(401)
      return respond(hubspot, record(hubspot, request, {}), answer, reply)
    })

    for (const path of channelPaths) {
      app.route<Route>({
        method: ['GET', 'POST'],
        url: `${path}/:channelId/channel-accounts`,
        handler: (request, reply) => {
          const { channelId } = request.params
          return answerWith(request, (portalId) => {
            const own = [...accounts.values()].filter((one) => one.channelId === channelId && one.portalId === portalId)
            if (request.method === 'GET') return { status: 200, body: { total: own.length, results: own.map(shown) } }
            const given = NewAccount.safeParse(parseJson(String(request.body)))
            if (!given.success || !hubspot.channels.has(channelId)) return usualAnswer(400)
            return { status: 200, body: shown(connect(portalId, channelId, given.data)) }
          }).then((answer) => respond(hubspot, record(hubspot, request, {}), answer, reply))
        },
      })

      app.route<Route>({
        method: 'PATCH',
        url: `${path}/:channelId/channel-account-staging-tokens/:accountToken`,
        handler: (request, reply) => {
          const { channelId, accountToken } = request.params
          return answerWith(request, (portalId) => {
            const inboxId = hubspot.stagingTokens.get(accountToken)
            const given = StagedAccount.safeParse(parseJson(String(request.body)))
            if (!inboxId) return usualAnswer(404)
            if (!given.success) return usualAnswer(400)
            const { accountName: name, deliveryIdentifier } = given.data
            hubspot.stagingTokens.delete(accountToken)
            connect(portalId, channelId, { inboxId, name, deliveryIdentifier, authorized: true })
            const staged = { accountToken, inboxId: Number(inboxId), genericChannelId: Number(channelId), userId: 1 }
            return { status: 200, body: { ...staged, createdAt: new Date(hubspot.now()).toISOString(), ...given.data } }
          }).then((answer) => respond(hubspot, record(hubspot, request, {}), answer, reply))
        },
      })
    }
  }

  async function answerWith(request: FastifyRequest, answer: (portalId: string) => ReturnType<typeof usualAnswer>) {
    const portal = portalOf(hubspot, request.headers.authorization)
    if (!portal) return usualAnswer(401)
    const scope = `conversations.custom_channels.${request.method === 'GET' ? 'read' : 'write'}`
    if (!portal.scopes.includes(scope)) return usualAnswer(403, [{ context: { requiredGranularScopes: [scope] } }])
    return answer(portal.portalId)
  }
}

type Route = { Params: { channelId: string; accountToken: string } }

/** `PublicDeliveryIdentifier`, `PublicChannelAccountEgg` and `PublicChannelAccountStagingTokenUpdateRequest` of the published OpenAPI document. */
const DeliveryIdentifier = z.object({
  type: z.enum(['CHANNEL_SPECIFIC_OPAQUE_ID', 'HS_EMAIL_ADDRESS', 'HS_PHONE_NUMBER', 'HS_SHORT_CODE']),
  value: z.string().min(1),
})
const NewAccount = z.object({
  inboxId: z.string().regex(/^\d+$/),
  name: z.string().min(1),
  deliveryIdentifier: DeliveryIdentifier.optional(),
  authorized: z.boolean(),
})
const StagedAccount = z.object({ accountName: z.string().min(1), deliveryIdentifier: DeliveryIdentifier })

const shown = ({ portalId: _, ...account }: ChannelAccount) => ({ ...account, active: true, archived: false })
