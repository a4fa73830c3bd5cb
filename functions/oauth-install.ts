import { randomBytes } from 'node:crypto'
import { askAsApp, type ReadAppSecret } from './hubspot/app-secret.ts'
import { installTime, readState, signState } from './hubspot/install-state.ts'
import { type GivenTokens, missingScopes, neededScopes, type OAuth, type TokenRefusal } from './hubspot/oauth.ts'
import { keepTokens } from './hubspot/portal.ts'
import { htmlPage, type Page, privateHeaders } from './platform/html-page.ts'
import { baseUrlOf, type HttpAnswer, type HttpEvent, httpHandler } from './platform/http-event.ts'
import type { Table } from './platform/table.ts'
import { errorFields, type Telemetry } from './platform/telemetry.ts'

/** What `oauth-install` works with. */
export type Deps = {
  appSecret: ReadAppSecret
  oauth: Pick<OAuth, 'exchange' | 'introspect'>
  portals: Table
  /** Where HubSpot's users are: `https://app.hubspot.com`. */
  appBaseUrl: string
  /** What the app asks for: the scopes that its configuration at HubSpot requires, no fewer and no more. */
  scopes: string[]
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

// The page on which an installation begins, and the one that HubSpot sends the browser back to.
const paths = { install: '/oauth/install', callback: '/oauth/callback' }

/**
 * Installs the app in a HubSpot account: sends the browser to HubSpot's consent page, and trades the code that it comes
 * back with for tokens. The browser that comes back must be the one that was sent, within ten minutes, once.
 * Why so: docs/decisions/0009-installing.md.
 */
export function createHandler(deps: Deps) {
  const { oauth, portals, telemetry, now } = deps
  const redirectUri = (event: HttpEvent) => baseUrlOf(event, deps.publicBaseUrl) + paths.callback

  return httpHandler(telemetry, async (event) => {
    try {
      return await (event.routeKey === `GET ${paths.callback}` ? finish(event) : begin(event))
    } catch (error) {
      return refuse('failed', errorFields(error))
    }
  })

  async function begin(event: HttpEvent): Promise<HttpAnswer> {
    const portalId = event.queryStringParameters?.['portalId']
    if (portalId !== undefined && !/^\d{1,20}$/.test(portalId)) return refuse('no portal')
    const { clientId, clientSecrets } = await deps.appSecret()
    const nonce = randomBytes(24).toString('base64url')
    const query = new URLSearchParams({
      client_id: clientId,
      redirect_uri: redirectUri(event),
      scope: deps.scopes.join(' '),
      state: signState({ nonce, expiresAt: now() + installTime }, clientSecrets[0]),
    })
    telemetry.info('Installation begun', { portalId })
    telemetry.count('InstallsBegun')
    const path = portalId === undefined ? '/oauth/authorize' : `/oauth/${portalId}/authorize`
    return {
      statusCode: 302,
      // HubSpot's examples separate scopes by %20, not +.
      headers: { ...privateHeaders, location: `${deps.appBaseUrl}${path}?${String(query).replaceAll('+', '%20')}` },
      // Lax: HubSpot's page leads back here by a link, on which a strict cookie would stay at home.
      cookies: [`${cookieName}=${nonce}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${installTime / 1000}`],
    }
  }

  async function finish(event: HttpEvent): Promise<HttpAnswer> {
    const { state = '', code = '', error } = event.queryStringParameters ?? {}
    if (error !== undefined)
      return refuse(error === 'access_denied' ? 'denied' : 'refused by HubSpot', { error: word(error) })
    // HubSpot can begin an installation as well, and then knows nothing of our state.
    if (state === '') return refuse('begun elsewhere')
    const read = await stateOf(state)
    if (read.kind !== 'ours') return refuse(read.kind)
    if (!event.cookies?.includes(`${cookieName}=${read.nonce}`)) return refuse('another browser')
    if (!(await spend(read))) return refuse('replayed')
    if (code === '') return refuse('no code')

    const answer = await askAsApp(deps.appSecret, (app) => oauth.exchange(app, code, redirectUri(event)))
    if (answer.kind !== 'tokens') return refuse(whyNot(answer), { problem: answer.problem })
    return keep(await withItsPortal(answer))
  }

  async function stateOf(state: string) {
    const read = async (options?: { fresh: boolean }) =>
      readState(state, (await deps.appSecret(options)).clientSecrets, now())
    const first = await read()
    // The secret may have been rotated since it was read.
    return first.kind === 'forged' ? read({ fresh: true }) : first
  }

  /** Whether this is the first time that a state comes back. */
  function spend({ nonce, expiresAt }: { nonce: string; expiresAt: number }) {
    // Kept for longer than the state is good; DynamoDB deletes it then.
    return portals.putIfNextVersion({
      pk: `install#${nonce}`,
      version: 1,
      expiresAt: Math.ceil(expiresAt / 1000) + 3600,
    })
  }

  /** Whose tokens they are, and what they allow: HubSpot says so with the tokens, or when it is asked. */
  async function withItsPortal(tokens: GivenTokens): Promise<GivenTokens> {
    if (tokens.portalId !== undefined && tokens.scopes) return tokens
    const told = await oauth.introspect(await deps.appSecret(), tokens.accessToken, 'access_token')
    if (told.kind !== 'token') return tokens
    return { ...tokens, portalId: tokens.portalId ?? told.portalId, scopes: tokens.scopes ?? told.scopes }
  }

  async function keep(tokens: GivenTokens): Promise<HttpAnswer> {
    const { portalId, scopes } = tokens
    if (portalId === undefined) return refuse('nameless')
    const missing = scopes ? missingScopes(scopes) : []
    if (missing.length > 0) return refuse('scopes missing', { portalId, missing })
    const { isNew } = await keepTokens(portals, portalId, tokens, { now: now() })
    telemetry.info(isNew ? 'Portal installed' : 'Portal installed anew', { portalId })
    telemetry.count(isNew ? 'PortalsInstalled' : 'PortalsReinstalled')
    return htmlPage(200, isNew ? connected(portalId) : reconnected(portalId))
  }

  function refuse(why: Refusal, fields: object = {}): HttpAnswer {
    const { statusCode, reason, ...page } = refusals[why]
    telemetry.warn('Installation refused', { why, reason, ...fields })
    telemetry.count('InstallsRefused', 1, { reason })
    return htmlPage(statusCode, { link: startAgain, ...page })
  }
}

const cookieName = '__Host-hubspot-install'

/** An error code of HubSpot's as a log may hold it: anybody can put anything there. */
const word = (text: string) => (/^[a-z_]{1,40}$/.test(text) ? text : 'not a word')

function whyNot({ kind, code, blames }: TokenRefusal): Refusal {
  if (kind === 'busy') return 'busy'
  if (blames === 'redirect URL') return 'redirect URL'
  if (kind === 'revoked' || code === 'BAD_AUTH_CODE') return 'used code'
  return blames === 'app' ? 'app refused' : 'expired code'
}

const startAgain = { href: paths.install, text: 'Start again' }

const connected = (portalId: string): Page => ({
  title: 'HubSpot is connected',
  paragraphs: [
    `From now on the status relay tells HubSpot account ${portalId} what became of each message.`,
    'Next, in HubSpot: open the settings of your inbox or help desk, and connect an account of the channel, unless one is connected already. You may close this page.',
  ],
})

const reconnected = (portalId: string): Page => ({
  title: 'HubSpot is connected again',
  paragraphs: [
    `HubSpot account ${portalId} was connected before; its access is new now. Messages whose status had to wait for it follow within a quarter of an hour.`,
    'There is nothing else to do. You may close this page.',
  ],
})

type Refusal = keyof typeof refusals

/** Why an installation comes to nothing: the page that says so, its status code, and what is counted. */
const refusals = {
  'no portal': {
    statusCode: 400,
    reason: 'malformed',
    title: 'That is no HubSpot account',
    paragraphs: [
      'The link names an account whose id is not a number. Start without it, and choose the account at HubSpot.',
    ],
  },
  denied: {
    statusCode: 403,
    reason: 'denied',
    title: 'HubSpot was not connected',
    paragraphs: [
      'The consent was refused at HubSpot, so nothing was changed.',
      'If that was by mistake, start again. Only an administrator of the account, or somebody who may install apps there, can give it.',
    ],
  },
  'refused by HubSpot': {
    statusCode: 502,
    reason: 'failed',
    title: 'HubSpot did not connect',
    paragraphs: ['HubSpot ended the installation with an error. Nothing was changed.'],
  },
  forged: {
    statusCode: 400,
    reason: 'forged',
    title: 'This link is not ours',
    paragraphs: ['It was not made by this relay, or it came incomplete. Nothing was changed.'],
  },
  'begun elsewhere': {
    statusCode: 400,
    reason: 'malformed',
    title: 'Please start here',
    paragraphs: [
      'An installation has to begin with the link of this relay; this one began at HubSpot, or the link came incomplete. Nothing was changed.',
      'Start below, in a tab of its own: HubSpot asks for your consent once more, and leads back here.',
    ],
  },
  expired: {
    statusCode: 400,
    reason: 'expired',
    title: 'That took too long',
    paragraphs: ['An installation has to be finished within ten minutes. Nothing was changed.'],
  },
  'another browser': {
    statusCode: 403,
    reason: 'forged',
    title: 'Another browser began this',
    paragraphs: [
      'An installation has to end in the browser, and in the tab, in which it began. Nothing was changed.',
      'If somebody sent you this link, do not trust it. Otherwise allow cookies for this site, and start again in a tab of its own, not within another page.',
    ],
  },
  replayed: {
    statusCode: 409,
    reason: 'replayed',
    title: 'This was done already',
    paragraphs: [
      'The link works only once, and was used before. If the page said then that HubSpot is connected, it is, and there is nothing to do.',
    ],
  },
  'no code': {
    statusCode: 400,
    reason: 'malformed',
    title: 'HubSpot sent no code',
    paragraphs: ['HubSpot led back here without the code that proves the consent. Nothing was changed.'],
  },
  busy: {
    statusCode: 503,
    reason: 'failed',
    title: 'HubSpot does not answer',
    paragraphs: ['HubSpot could not finish the installation just now. Try again in a few minutes.'],
  },
  'redirect URL': {
    statusCode: 500,
    reason: 'misconfigured',
    title: 'The redirect URL is another one',
    paragraphs: [
      "HubSpot refuses the redirect URL of this relay. Its operator has to enter this page's address, up to and including /oauth/callback, among the redirect URLs of the app at HubSpot.",
    ],
  },
  'app refused': {
    statusCode: 500,
    reason: 'misconfigured',
    title: 'HubSpot does not know this app',
    paragraphs: [
      "HubSpot refuses the app's client id or client secret. The operator of this relay has to correct them: npm run relay -- secret set app",
    ],
  },
  'used code': {
    statusCode: 400,
    reason: 'replayed',
    title: "HubSpot's code is used up",
    paragraphs: [
      'The code that HubSpot gave works once and for a short time, and this one is over. Nothing was changed.',
    ],
  },
  'expired code': {
    statusCode: 400,
    reason: 'expired',
    title: 'This link has expired',
    paragraphs: [
      'HubSpot does not take the code that it gave, which is good for a short time. Nothing was changed. Start again.',
      'If that ends here as well, the operator of this relay finds what HubSpot said in the log of oauth-install.',
    ],
  },
  nameless: {
    statusCode: 502,
    reason: 'failed',
    title: 'HubSpot does not say which account it is',
    paragraphs: [
      'HubSpot gave access, but not the id of the account. Nothing is kept of it. Try again in a few minutes.',
    ],
  },
  'scopes missing': {
    statusCode: 403,
    reason: 'scopes missing',
    title: 'A permission is missing',
    paragraphs: [
      `The relay needs the permissions ${neededScopes.join(' and ')}, and was not given both. What it was given is not kept; an access that it had before stays as it was.`,
      'Ask an administrator of the account whether its settings for apps block them, or the operator of this relay whether the app asks for them.',
    ],
  },
  failed: {
    statusCode: 503,
    reason: 'failed',
    title: 'The relay is not ready',
    paragraphs: [
      'It could not do its part just now, or its operator has not filled in the secret of the app yet. Try again in a few minutes.',
    ],
  },
} as const satisfies Record<string, { statusCode: number; reason: string } & Page>
