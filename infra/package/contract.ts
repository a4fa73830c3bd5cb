import * as z from 'zod'
import { AppSecret } from '../../functions/hubspot/app-secret.ts'

import { TokenEndpointSecret, TokenGrant, TokenRequest, UnknownPortal } from '../../functions/hubspot/token-endpoint.ts'
import { Digits } from '../../functions/messages/ids.ts'
import { DeliveryJob } from '../../functions/messages/jobs.ts'
import { details } from '../../functions/messages/relay-events.ts'
import { DocumentedStatus } from '../../functions/messages/status-update.ts'
import { FailureCode } from '../../functions/platform/failure-code.ts'
import type { Provider } from '../../functions/providers/accounts.ts'
import { ForwardReceipt } from '../../functions/providers/forward/receipt.ts'
import { ForwardAnswer, ForwardRejection } from '../../functions/providers/forward/send.ts'
import { senders } from '../../functions/providers/senders.ts'
import { source } from '../../functions/publish-events.ts'
import { relayVersion } from '../relay/version.ts'

/** HubSpot's event of an agent's message, as its guide documents it; what else an event has is left alone. */
const identifier = z.looseObject({ type: z.string(), value: z.string() })
const party = z.looseObject({
  actorId: z.string().optional(),
  name: z.string().nullish(),
  deliveryIdentifier: z.union([z.string(), identifier]).nullish(),
})
const HubSpotEvent = z.union([
  z.looseObject({
    type: z.literal('OUTGOING_CHANNEL_MESSAGE_CREATED'),
    portalId: Digits,
    channelId: Digits,
    eventTimestamp: z.string().optional(),
    eventId: z.string().optional(),
    channelIntegrationThreadIds: z.array(z.string()).optional(),
    message: z.looseObject({
      id: z.string(),
      channelAccountId: z.string(),
      conversationsThreadId: z.string().optional(),
      inReplyToId: z.string().optional(),
      createdAt: z.string().optional(),
      senders: z.array(party).optional(),
      recipients: z.array(party),
      text: z.string().optional(),
      richText: z.string().nullish(),
      attachments: z.array(z.unknown()).optional(),
    }),
  }),
  z.looseObject({
    type: z.enum(['CHANNEL_ACCOUNT_CREATED', 'CHANNEL_ACCOUNT_UPDATED', 'CHANNEL_ACCOUNT_PURGED']),
    portalId: Digits,
    channelId: Digits,
    channelAccountId: z.string(),
    authorized: z.boolean().optional(),
    eventTimestamp: z.string().optional(),
  }),
])

/** A receipt as your service should write it; what is not needed is also read in another form. */
const DocumentedReceipt = ForwardReceipt.extend({
  timestamp: z.iso.datetime({ offset: true }),
  data: ForwardReceipt.shape.data.extend({
    reason: z.string().max(2000).optional(),
    code: FailureCode.optional(),
    providerMessageId: z.string().max(512).optional(),
  }),
})

type Contract = { name: string; title: string; description: string; schema: z.ZodType }

/** What others send the relay, and what it sends them. */
const messages: Contract[] = [
  {
    name: 'Job',
    title: 'A message to be delivered',
    description: "What forward posts to your endpoint in the format job: the agent's message.",
    schema: DeliveryJob.omit({ original: true, type: true }),
  },
  {
    name: 'Answer',
    title: 'What became of it',
    description: 'The body of your 2xx answer, if it has one: without it, a 2xx answer means sent.',
    schema: ForwardAnswer,
  },
  {
    name: 'Rejection',
    title: 'Why it failed',
    description: 'The body of your 4xx answer, if it has one: the agent reads the first of these that is there.',
    schema: ForwardRejection,
  },
  {
    name: 'Receipt',
    title: 'Later news of a message',
    description: 'What your service posts to the URL for receipts, signed by Standard Webhooks.',
    schema: DocumentedReceipt,
  },
  {
    name: 'StatusUpdate',
    title: 'A status, sent to the queue',
    description: 'The body of a message to the queue in the output StatusUpdatesQueueUrl.',
    schema: DocumentedStatus.omit({ verifiedBy: true }),
  },
  {
    name: 'TokenRequest',
    title: 'A request for an access token',
    description:
      'What is posted to the endpoint of hubspot.accessTokens, signed by Standard Webhooks. With refused, HubSpot has just refused the last one: give another.',
    schema: TokenRequest,
  },
  {
    name: 'TokenGrant',
    title: 'An access token',
    description: 'The body of its 200 answer.',
    schema: TokenGrant,
  },
  {
    name: 'UnknownPortal',
    title: 'No access token',
    description: 'The body of its 404 answer for an account whose tokens it does not have.',
    schema: UnknownPortal,
  },
  {
    name: 'HubSpotEvent',
    title: "HubSpot's event",
    description:
      'What HubSpot posts to the webhook, as its guide documents it. The relay also reads other forms of it.',
    schema: HubSpotEvent,
  },
]

const providers = Object.keys(senders) as Provider[]

/** What secrets hold. */
const secrets: Contract[] = [
  {
    name: 'AppSecret',
    title: "The app's secret",
    description: 'The client id and secrets of the HubSpot app: the current secret first.',
    schema: AppSecret,
  },
  {
    name: 'AccessTokensSecret',
    title: 'What signs requests for access tokens',
    description: 'A Standard Webhooks secret, which the endpoint of hubspot.accessTokens verifies by.',
    schema: TokenEndpointSecret,
  },
  ...providers.map((provider) => ({
    name: `${provider.charAt(0).toUpperCase()}${provider.slice(1)}Secret`,
    title: `The secret of a channel, or channel account, over ${provider}`,
    description: `docs/providers/${provider}.md says where its fields come from.`,
    schema: senders[provider].account,
  })),
]

/** What is published on the bus of EventBridge, as its rules and targets see it. */
const RelayEvent = z.union(
  Object.entries(details).map(([type, detail]) =>
    z.looseObject({ source: z.literal(source), 'detail-type': z.literal(type), detail }),
  ),
)

const events: Contract[] = [
  {
    name: 'RelayEvent',
    title: 'What happened',
    description: 'An event on the bus that the setting eventBus names. docs/events.md says when each comes.',
    schema: RelayEvent,
  },
]

/** The JSON Schema of each document that others write or read, by its name. */
export function jsonSchemas(): Record<string, Record<string, unknown>> {
  return Object.fromEntries(
    [...messages, ...events, ...secrets].map(({ name, title, description, schema }) => {
      const { $schema, ...generated } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' })
      return [name, { $schema, title, description, ...exact(generated) }]
    }),
  )
}

/**
 * zod bounds every integer by what JavaScript holds, which is nobody's rule, and leaves open how many items a list with a
 * first one has at least.
 */
function exact(schema: object): object {
  const kept = (one: unknown): unknown => {
    if (Array.isArray(one)) return one.map(kept)
    return typeof one === 'object' && one !== null ? exact(one) : one
  }
  const fields = Object.entries(schema)
    .filter(([, value]) => typeof value !== 'number' || Math.abs(value) !== Number.MAX_SAFE_INTEGER)
    .map(([name, value]) => [name, kept(value)])
  const first = 'prefixItems' in schema && Array.isArray(schema.prefixItems) ? schema.prefixItems : []
  return { ...(first.length > 0 && { minItems: first.length }), ...Object.fromEntries(fields) }
}

/** The relay's own HTTP: what it takes, and, as webhooks, what it sends. OpenAPI 3.1. */
export function openApi() {
  const schemas = Object.fromEntries(
    Object.entries(jsonSchemas())
      .filter(([name]) => messages.some((one) => one.name === name))
      .map(([name, { $schema: _, ...schema }]) => [name, schema]),
  )
  const json = (name: string) => ({ 'application/json': { schema: { $ref: `#/components/schemas/${name}` } } })
  const html = (description: string) => ({ description, content: { 'text/html': { schema: { type: 'string' } } } })
  const empty = (description: string) => ({ description })
  const parameter = (name: string) => ({ name, in: 'path', required: true, schema: { type: 'string' } })
  const query = (name: string) => ({ name, in: 'query', schema: { type: 'string' } })
  const signature = standardWebhooks.map(([name, description]) => ({
    name,
    in: 'header',
    required: true,
    description,
    schema: { type: 'string' },
  }))
  const notNow = empty('Not now: send it again, it is not kept.')
  const receipts = (path: string[]) => ({
    post: {
      operationId: path.length === 1 ? 'postReceiptOfChannel' : 'postReceiptOfAccount',
      summary: 'Later news of a message, from your service or from a provider',
      description:
        "The body and the signature are those of the provider that the secret names. Of forward, they are described here; of the others, in the provider's own documentation.",
      parameters: [...path.map(parameter), ...signature.map((header) => ({ ...header, required: false }))],
      requestBody: { required: true, content: { ...json('Receipt'), '*/*': {} } },
      responses: {
        204: empty('Queued: HubSpot is told.'),
        400: {
          description: 'Signed, and not understood: the message names the field.',
          content: { 'application/json': { schema: problem } },
        },
        401: empty('Not signed by a secret that counts for this channel.'),
        404: empty('There is no such channel here.'),
        503: notNow,
      },
    },
    get: {
      operationId: path.length === 1 ? 'verifyUrlOfChannel' : 'verifyUrlOfAccount',
      summary: "Meta's question whether this URL is ours",
      parameters: [...path.map(parameter), ...['hub.mode', 'hub.verify_token', 'hub.challenge'].map(query)],
      responses: {
        200: { description: 'The challenge.', content: { 'text/plain': { schema: { type: 'string' } } } },
        400: empty('It is no such question.'),
        401: empty('Another verify token.'),
        404: empty('There is no such channel here.'),
        503: notNow,
      },
    },
  })

  return {
    openapi: '3.1.0',
    info: {
      title: 'HubSpot status relay',
      version: relayVersion,
      description:
        'What the relay takes over HTTP and what it calls. Statuses over SQS have the body StatusUpdate. Every path is below the host of the output WebhookUrl.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: 'https://{host}', variables: { host: { default: 'relay.example.com' } } }],
    paths: {
      '/hubspot/webhook': {
        post: {
          operationId: 'postHubSpotEvent',
          summary: "HubSpot's events of a custom channel",
          parameters: [
            { name: 'x-hubspot-signature-v3', in: 'header', required: true, schema: { type: 'string' } },
            { name: 'x-hubspot-request-timestamp', in: 'header', required: true, schema: { type: 'string' } },
          ],
          requestBody: { required: true, content: json('HubSpotEvent') },
          responses: {
            204: empty('Queued, or acknowledged. An event that is signed is never refused.'),
            401: empty('Not signed with a client secret of the app, for this URL, within five minutes.'),
            503: notNow,
          },
        },
      },
      '/receipts/{channelId}': receipts(['channelId']),
      '/receipts/{channelId}/{channelAccountId}': receipts(['channelId', 'channelAccountId']),
      '/oauth/install': {
        get: {
          operationId: 'install',
          summary: 'Leads an administrator to the consent page of HubSpot',
          parameters: [query('portalId')],
          responses: {
            302: empty('To HubSpot.'),
            400: html('portalId is no number.'),
            503: html('The app’s secret is not filled in.'),
          },
        },
      },
      '/oauth/callback': {
        get: {
          operationId: 'installed',
          summary: 'Where HubSpot sends the administrator back',
          parameters: ['code', 'state', 'error'].map(query),
          responses: {
            200: html('Connected.'),
            ...Object.fromEntries(
              [400, 403, 409, 500, 502, 503].map((status) => [status, html('Not connected; the page says why.')]),
            ),
          },
        },
      },
    },
    webhooks: {
      delivery: {
        post: {
          operationId: 'deliver',
          summary: 'A message, to the endpoint that a secret of forward names',
          description: 'Each try of a message carries the same webhook-id. No answer within 20 seconds is tried again.',
          parameters: signature,
          requestBody: { required: true, content: json('Job') },
          responses: {
            '2XX': { description: 'Taken; the body may say more.', content: json('Answer') },
            '4XX': { description: 'Failed for good; but 408, 425 and 429.', content: json('Rejection') },
            default: empty('Tried again, for as long as deliverWithin says.'),
          },
        },
      },
      accessToken: {
        post: {
          operationId: 'giveAccessToken',
          summary: 'A request for an access token, to the endpoint of hubspot.accessTokens',
          description: 'Made about twice an hour for an account that has messages, and when HubSpot refuses a token.',
          parameters: signature,
          requestBody: { required: true, content: json('TokenRequest') },
          responses: {
            200: { description: 'The token.', content: json('TokenGrant') },
            401: empty('Not signed with the secret: asked again in a minute.'),
            404: {
              description: 'This account gives no access: asked again in a quarter of an hour.',
              content: json('UnknownPortal'),
            },
            default: empty('Asked again, after pauses that grow to two and a half minutes.'),
          },
        },
      },
    },
    components: { schemas },
  }
}

const standardWebhooks = [
  ['webhook-id', 'The same for each try.'],
  ['webhook-timestamp', 'In seconds since 1970; five minutes off, nothing counts.'],
  ['webhook-signature', 'By the first of the secrets: www.standardwebhooks.com.'],
] as const

const problem = { type: 'object', properties: { message: { type: 'string' } }, required: ['message'] }
