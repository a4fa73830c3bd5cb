import { randomUUID } from 'node:crypto'
import { STATUS_CODES } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import * as z from 'zod'
import { parseJson } from '../../../functions/platform/json.ts'
import { answeredWith, keepRawBody, type Reply, sendReply } from '../simulator.ts'
import { takeFault } from './behaviour.ts'
import {
  type Call,
  type Channel,
  type Message,
  type Portal,
  randomToken,
  type State,
  type StatusType,
} from './state.ts'
import { agent, deliveryIdentifier } from './webhooks.ts'

/** The part of HubSpot's public API that the relay calls: the status and the token endpoint in every version, and channels. */
export function publicApi(hubspot: State) {
  return async (app: FastifyInstance) => {
    // Bodies are judged by the handlers, so that every call is recorded and open to faults, whatever it carries.
    keepRawBody(app)

    for (const path of channelPaths)
      app.route<MessageRoute>({
        method: ['GET', 'PATCH'],
        url: `${path}/:channelId/messages/:messageId`,
        handler: async (request, reply) => {
          const call = record(hubspot, request, { messageId: request.params.messageId })
          if (call.method === 'PATCH') hubspot.messages.get(request.params.messageId)?.patches.push(call)
          await respond(hubspot, call, answerMessageCall(hubspot, call, request), reply)
        },
      })

    for (const [url, method, answer] of [
      ['/conversations/v3/custom-channels', ['GET', 'POST'], answerChannelsCall],
      ['/conversations/v3/custom-channels/:channelId', ['GET', 'PATCH'], answerChannelCall],
    ] as const)
      app.route<ChannelRoute>({
        method: [...method],
        url,
        handler: async (request, reply) => {
          // The query has the developer's key.
          const call = record(hubspot, request, { path: request.url.split('?')[0]! })
          await respond(hubspot, call, developerError(hubspot, request) ?? answer(hubspot, call, request), reply)
        },
      })

    for (const [path, answer] of tokenPaths.flatMap((path) => [
      [path, answerTokenCall] as const,
      [`${path}/introspect`, answerIntrospectCall] as const,
      [`${path}/revoke`, answerRevokeCall] as const,
    ]))
      app.post(path, async (request, reply) => {
        const call = record(hubspot, request, {})
        const form = new URLSearchParams(String(request.body ?? ''))
        await respond(hubspot, call, appError(hubspot, request, form) ?? answer(hubspot, call, form), reply)
      })
  }
}

/** Below which channels are, in every version. */
export const channelPaths = [
  '/conversations/v3/custom-channels',
  ...['2025-09', '2026-03', '2026-09'].map((version) => `/conversations/custom-channels/${version}`),
]
const tokenPaths = ['v1', 'v3', '2026-03', '2026-09'].map((version) => `/oauth/${version}/token`)

type ChannelRoute = { Params: { channelId: string }; Querystring: { hapikey?: string; appId?: string } }
type MessageRoute = { Params: { channelId: string; messageId: string } }

/** What a call is answered, and what it changes once it takes effect. */
type Answer = Exclude<Reply, string> & { effect?: () => unknown }

/** Keeps a call, for whoever looks at what was asked. */
export function record(hubspot: State, request: FastifyRequest, details: Partial<Call>) {
  const call: Call = { at: hubspot.now(), method: request.method, path: request.url, ...details }
  hubspot.calls.push(call)
  return call
}

/** Sends the true answer, or what a fault makes of it. */
export async function respond(hubspot: State, call: Call, truth: Answer, reply: FastifyReply) {
  const fault = takeFault(hubspot.faults, call)
  // Stopping ends the pauses by an AbortError.
  const pause = (ms: number) => sleep(ms, undefined, { signal: hubspot.stopping }).catch(() => {})
  const takeEffect = () => {
    if (!truth.effect || hubspot.stopping.aborted) return
    call.effectAt = hubspot.now()
    truth.effect()
  }
  const takeEffectLate = async (afterMs: number) => {
    await pause(afterMs)
    takeEffect()
    hubspot.emit({ type: 'late effect', call })
  }
  const effect = fault?.effect ?? (fault?.answer ? 'never' : 'now')
  if (effect === 'now') takeEffect()
  else if (effect !== 'never') hubspot.lateEffects.push(takeEffectLate(effect.afterMs))
  if (fault?.delayMs) await pause(fault.delayMs)

  const answer = fault?.answer ? withUsualBody(fault.answer) : truth
  call.answered = answeredWith(answer)
  hubspot.emit({ type: 'call', call })
  await sendReply(reply, answer)
}

function withUsualBody(answer: Reply): Reply {
  if (typeof answer === 'string' || answer.body !== undefined) return answer
  const usual = usualAnswer(answer.status)
  return { ...usual, headers: { ...usual.headers, ...answer.headers } }
}

function answerMessageCall(hubspot: State, call: Call, request: FastifyRequest<MessageRoute>): Answer {
  const portal = portalOf(hubspot, request.headers.authorization)
  if (!portal) return usualAnswer(401)
  call.portalId = portal.portalId

  const scope = `conversations.custom_channels.${call.method === 'GET' ? 'read' : 'write'}`
  if (!portal.scopes.includes(scope)) return usualAnswer(403, [{ context: { requiredGranularScopes: [scope] } }])

  const limit = countCall(hubspot, portal)
  if (limit.exceeded) return { ...usualAnswer(429), headers: limit.headers }
  const answer =
    call.method === 'GET' ? answerGet(hubspot, portal, request.params) : answerPatch(hubspot, portal, call, request)
  return { ...answer, headers: { ...answer.headers, ...limit.headers } }
}

function answerGet(hubspot: State, portal: Portal, params: MessageRoute['Params']): Answer {
  const message = messageOf(hubspot, portal, params)
  return message ? { status: 200, body: publicMessage(message) } : usualAnswer(404)
}

function answerPatch(hubspot: State, portal: Portal, call: Call, request: FastifyRequest<MessageRoute>): Answer {
  if (!request.headers['content-type']?.startsWith('application/json')) return usualAnswer(415)
  const update = StatusUpdate.safeParse(parseJson(String(request.body)))
  if (!update.success)
    return usualAnswer(
      400,
      update.error.issues.map(({ message, path }) => ({ message, in: path.join('.') })),
    )
  const { statusType, errorMessage } = update.data
  Object.assign(call, update.data)
  if (!/^\d{1,10}$/.test(request.params.channelId))
    return usualAnswer(400, [{ message: 'not a number', in: 'channelId' }])

  const message = messageOf(hubspot, portal, request.params)
  if (!message) return notThere(hubspot, request.params.messageId)
  const objection = objectionTo(hubspot, message, update.data)
  if (objection) return usualAnswer(400, [{ message: objection }])

  // Taken, and of no effect.
  if (hubspot.behaviour.transitions === 'read stays' && message.told === 'READ')
    return { status: 200, body: publicMessage(message) }

  const told = {
    status: statusType,
    told: statusType,
    errorMessage: statusType === 'FAILED' ? errorMessage?.slice(0, hubspot.behaviour.errorMessageMaxLength) : undefined,
  }
  const { saysItHolds } = hubspot.behaviour
  const said = saysItHolds === 'what it was told' ? told : { ...told, status: saysItHolds }
  return {
    status: 200,
    body: publicMessage({ ...message, ...said }),
    effect: () => Object.assign(message, told),
  }
}

/** Without a category: a 403 would name a missing scope else. */
function notThere({ messages, behaviour: { notYetPatchable: status } }: State, messageId: string): Answer {
  if (status === 404 || !messages.has(messageId)) return usualAnswer(404)
  return {
    status,
    body: { status: 'error', message: 'The message cannot be updated now.', correlationId: randomUUID() },
  }
}

/** `PublicChannelIntegrationMessageUpdateRequest` of the published OpenAPI document. */
const StatusUpdate = z.object({ statusType: z.enum(['FAILED', 'READ', 'SENT']), errorMessage: z.string().optional() })

/** Why HubSpot might refuse a well-formed update; each reason has its switch, since none is documented. */
function objectionTo(
  { behaviour }: State,
  message: Message,
  { statusType, errorMessage }: z.infer<typeof StatusUpdate>,
) {
  const changes = message.told !== undefined && message.told !== statusType
  if (behaviour.transitions === 'forward' && changes && message.told !== 'SENT')
    return `${message.told} cannot become ${statusType}`
  if (behaviour.repeatedStatus === 'refused' && message.told === statusType)
    return `the status is ${statusType} already`
  if (behaviour.errorMessageWithoutFailure === 'refused' && errorMessage !== undefined && statusType !== 'FAILED')
    return 'errorMessage is for FAILED alone'
  const isTooLong = (errorMessage?.length ?? 0) > behaviour.errorMessageMaxLength
  if (isTooLong && behaviour.longErrorMessage === 'refused') return 'errorMessage is too long'
}

function messageOf(hubspot: State, portal: Portal, { channelId, messageId }: MessageRoute['Params']) {
  const message = hubspot.messages.get(messageId)
  const isTheirs = message?.channelId === channelId && message.portalId === portal.portalId
  return isTheirs && hubspot.now() - message.createdAt >= hubspot.behaviour.patchableAfterMs ? message : undefined
}

/** `PublicConversationsMessage` of the published OpenAPI document. */
function publicMessage(message: Message) {
  const {
    id,
    channelId,
    channelAccountId,
    conversationsThreadId,
    text,
    richText,
    inReplyToId,
    attachments = [],
  } = message
  return {
    id,
    type: 'MESSAGE',
    archived: false,
    client: { clientType: 'HUBSPOT' },
    channelId,
    channelAccountId,
    conversationsThreadId,
    createdAt: new Date(message.createdAt).toISOString(),
    createdBy: agent,
    direction: 'OUTGOING',
    senders: [{ actorId: agent, deliveryIdentifier: deliveryIdentifier(channelAccountId) }],
    recipients: message.to.map((value) => ({ deliveryIdentifier: deliveryIdentifier(value) })),
    text,
    richText,
    inReplyToId,
    attachments,
    truncationStatus: 'NOT_TRUNCATED',
    status: {
      statusType: message.status satisfies StatusType,
      ...(message.errorMessage !== undefined && {
        failureDetails: { errorMessage: message.errorMessage, errorMessageTokens: {} },
      }),
    },
  }
}

/** Whose access token it is. */
export function portalOf(hubspot: State, authorization = '') {
  const granted = hubspot.accessTokens.get(authorization.replace(/^Bearer /, ''))
  return granted && granted.expiresAt > hubspot.now() ? hubspot.portals.get(granted.portalId) : undefined
}

/** Counts a call against the portal's rolling ten seconds. */
function countCall({ behaviour, now }: State, portal: Portal) {
  const at = now()
  const max = behaviour.requestsPer10Seconds
  portal.recentCalls = portal.recentCalls.filter((time) => time > at - 10_000)
  const exceeded = portal.recentCalls.length >= max
  if (!exceeded || behaviour.refusedCallsCount) portal.recentCalls.push(at)
  const secondsToWait = Math.ceil((portal.recentCalls[0]! + 10_000 - at) / 1000)
  return {
    exceeded,
    headers: {
      'X-HubSpot-RateLimit-Max': String(max),
      'X-HubSpot-RateLimit-Remaining': String(Math.max(0, max - portal.recentCalls.length)),
      'X-HubSpot-RateLimit-Interval-Milliseconds': '10000',
      ...(exceeded && behaviour.retryAfter && { 'Retry-After': String(secondsToWait) }),
    },
  }
}

/** Channels are for whoever has the developer's key, and names the app. */
function developerError({ developerApiKey }: State, { query: { hapikey, appId } }: FastifyRequest<ChannelRoute>) {
  if (!hapikey || hapikey !== (developerApiKey ?? hapikey)) return usualAnswer(401)
  if (!appId) return usualAnswer(400, [{ message: 'missing', in: 'appId' }])
}

/** Lists the app's channels, or registers one. */
function answerChannelsCall(hubspot: State, call: Call, request: FastifyRequest<ChannelRoute>): Answer {
  if (call.method === 'GET') {
    const isListed = ({ createdAt }: Channel) => hubspot.now() - createdAt >= hubspot.behaviour.channelListedAfterMs
    const results = [...hubspot.channels.values()].filter(isListed).map(publicChannel)
    return { status: 200, body: { total: results.length, results } }
  }
  const given = NewChannel.safeParse(parseJson(String(request.body)))
  if (!given.success) return { ...usualAnswer(400), body: capabilitiesRefused }
  const channel = { id: String(2_400_000 + hubspot.channels.size), createdAt: hubspot.now(), ...given.data }
  return { status: 200, body: publicChannel(channel), effect: () => hubspot.channels.set(channel.id, channel) }
}

/** Reads or changes a channel. */
function answerChannelCall(hubspot: State, call: Call, request: FastifyRequest<ChannelRoute>): Answer {
  const channel = hubspot.channels.get(request.params.channelId)
  if (channel === undefined) return usualAnswer(404)
  if (call.method === 'GET') return { status: 200, body: publicChannel(channel) }

  const change = NewChannel.partial().safeParse(parseJson(String(request.body)))
  if (!change.success) return usualAnswer(400, [{ message: 'not a URL', in: 'webhookUrl' }])
  const changed = { ...channel, ...change.data }
  return { status: 200, body: publicChannel(changed), effect: () => hubspot.channels.set(channel.id, changed) }
}

const publicChannel = ({ createdAt, ...channel }: Channel) => ({
  ...channel,
  createdAt: new Date(createdAt).toISOString(),
})

const NewChannel = z.object({
  name: z.string().min(1),
  capabilities: z.looseObject({
    threadingModel: z.enum(['INTEGRATION_THREAD_ID', 'DELIVERY_IDENTIFIER']),
    deliveryIdentifierTypes: z.array(z.string()).min(1),
    richText: z.array(z.string()),
    allowInlineImages: z.boolean(),
    allowOutgoingMessages: z.boolean(),
  }),
  webhookUrl: z.url().optional(),
  channelDescription: z.string().optional(),
  channelLogoUrl: z.string().optional(),
  channelAccountConnectionRedirectUrl: z.string().optional(),
})

// As HubSpot was seen to answer, which tells little.
const capabilitiesRefused = {
  status: 'error',
  message: 'One or more channel capability values are invalid.',
  category: 'VALIDATION_ERROR',
  subCategory: 'CustomChannelsError.INVALID_CHANNEL_CAPABILITY_VALUES',
  context: { capabilityKeysAndValues: ['{}'] },
}

/** Tokens are for the app itself. HubSpot's own words say what is wrong. */
function appError(hubspot: State, request: FastifyRequest, form: URLSearchParams) {
  if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) return usualAnswer(415)
  if (form.get('client_id') !== hubspot.clientId)
    return tokenError('invalid_client', 'BAD_CLIENT_ID', 'missing or unknown client id')
  if (!hubspot.clientSecrets.includes(form.get('client_secret') ?? ''))
    return tokenError('invalid_client', 'BAD_CLIENT_SECRET', 'missing or invalid client secret')
}

/** Whose token it is, a refresh token or an access token that is still good. */
function ownerOf(hubspot: State, token: string | null) {
  if (!token) return undefined
  const owner = [...hubspot.portals.values()].find(({ refreshToken }) => refreshToken === token)
  return owner ?? portalOf(hubspot, `Bearer ${token}`)
}

/** RFC 7662. */
function answerIntrospectCall(hubspot: State, call: Call, form: URLSearchParams): Answer {
  const portal = ownerOf(hubspot, form.get('token'))
  if (!portal) return { status: 200, body: { active: false } }
  call.portalId = portal.portalId
  return { status: 200, body: { active: true, hub_id: Number(portal.portalId), scopes: portal.scopes } }
}

/** RFC 7009: a token that is none is revoked already. */
function answerRevokeCall(hubspot: State, call: Call, form: URLSearchParams): Answer {
  const portal = ownerOf(hubspot, form.get('token'))
  if (!portal) return { status: 200, body: {} }
  call.portalId = portal.portalId
  return { status: 200, body: {}, effect: () => Object.assign(portal, { refreshToken: '' }) }
}

/** Gives tokens for a refresh token, or for the code of an installation, by the rules of RFC 6749. */
function answerTokenCall(hubspot: State, call: Call, form: URLSearchParams): Answer {
  if (form.get('grant_type') === 'refresh_token') return answerRefresh(hubspot, call, form)
  if (form.get('grant_type') === 'authorization_code') return answerExchange(hubspot, call, form)
  return tokenError('unsupported_grant_type', 'BAD_GRANT_TYPE', 'missing or unknown grant type')
}

function answerExchange(hubspot: State, call: Call, form: URLSearchParams): Answer {
  const code = form.get('code') ?? ''
  const consent = hubspot.codes.get(code)
  if (!consent) return tokenError('invalid_grant', 'BAD_AUTH_CODE', 'missing or unknown auth code')
  if (form.get('redirect_uri') !== consent.redirectUri)
    return tokenError('invalid_grant', 'BAD_REDIRECT_URI', 'the redirect URL is not the one of the authorize page')
  const { portalId, scopes } = consent
  const known = hubspot.portals.get(portalId) ?? { refreshToken: '', refreshes: 0, recentCalls: [] }
  const portal = { ...known, portalId, scopes }
  const { effect, ...answer } = giveTokens(hubspot, call, portal, portal.refreshToken || randomToken())
  return {
    ...answer,
    effect: () => {
      hubspot.codes.delete(code)
      hubspot.portals.set(portalId, portal)
      effect()
    },
  }
}

function answerRefresh(hubspot: State, call: Call, form: URLSearchParams): Answer {
  const refreshToken = form.get('refresh_token')
  const portal = [...hubspot.portals.values()].find((portal) => refreshToken && portal.refreshToken === refreshToken)
  if (!portal) return tokenError('invalid_grant', 'BAD_REFRESH_TOKEN', 'refresh token is invalid, expired or revoked')

  const next = hubspot.behaviour.rotatesRefreshTokens ? randomToken() : portal.refreshToken
  const { effect, ...answer } = giveTokens(hubspot, call, portal, next)
  return {
    ...answer,
    effect: () => {
      portal.refreshes++
      effect()
    },
  }
}

function giveTokens(hubspot: State, call: Call, portal: Portal, nextRefreshToken: string) {
  call.portalId = portal.portalId
  const accessToken = randomToken()
  const seconds = hubspot.behaviour.accessTokenSeconds
  return {
    status: 200,
    body: {
      access_token: accessToken,
      refresh_token: nextRefreshToken,
      expires_in: seconds,
      token_type: 'bearer',
      token_use: 'access_token',
      hub_id: Number(portal.portalId),
      scopes: portal.scopes,
      user_id: 1000001,
    },
    effect: () => {
      portal.refreshToken = nextRefreshToken
      hubspot.accessTokens.set(accessToken, { portalId: portal.portalId, expiresAt: hubspot.now() + seconds * 1000 })
    },
  }
}

function tokenError(error: string, status: string, message: string): Answer {
  return { status: 400, body: { error, error_description: message, status, message } }
}

/** What HubSpot answers with a status code when nothing more particular is known, in its documented error shapes. */
export function usualAnswer(status: number, errors?: object[]): Answer {
  const correlationId = randomUUID()
  const headers = { 'x-hubspot-correlation-id': correlationId }
  if (status === 429) {
    const message = 'You have reached your ten_secondly_rolling limit.'
    const policy = { errorType: 'RATE_LIMIT', policyName: 'TEN_SECONDLY_ROLLING', requestId: randomUUID() }
    return { status, headers, body: { status: 'error', message, correlationId, ...policy } }
  }
  const [category, message] = categories[status] ?? [undefined, STATUS_CODES[status] ?? 'There was a problem.']
  return { status, headers, body: { status: 'error', message, correlationId, category, errors } }
}

const categories: Record<number, [category: string, message: string]> = {
  400: ['VALIDATION_ERROR', 'Invalid input: the request does not fit the resource.'],
  401: ['INVALID_AUTHENTICATION', 'Authentication credentials not found.'],
  403: ['MISSING_SCOPES', 'This app lacks the scopes that this call requires.'],
  404: ['OBJECT_NOT_FOUND', 'The message does not exist.'],
}
