import { randomBytes } from 'node:crypto'
import { askAsApp, type ReadAppSecret } from './hubspot/app-secret.ts'
import { connected, failureOf, failurePage, type InstallFailure, paths, reconnected } from './hubspot/install-pages.ts'
import { installTime, readState, signState } from './hubspot/install-state.ts'
import { type GivenTokens, missingScopes, type OAuth } from './hubspot/oauth.ts'
import { keepTokens } from './hubspot/portal.ts'
import { Digits } from './messages/ids.ts'
import { htmlPage, privateHeaders } from './platform/html-page.ts'
import { baseUrlOf, type HttpAnswer, type HttpEvent, httpHandler } from './platform/http-event.ts'
import { withRotatedSecret } from './platform/rotated-secret.ts'
import type { Table } from './platform/table.ts'
import { errorFields, type Telemetry } from './platform/telemetry.ts'

/** What `oauth-install` works with. */
export type Deps = {
  appSecret: ReadAppSecret
  oauth: Pick<OAuth, 'exchange' | 'introspect'>
  portals: Table
  /** HubSpot's web app: `https://app.hubspot.com`. */
  appBaseUrl: string
  /** What the app asks for: the scopes that its configuration at HubSpot requires, no fewer and no more. */
  scopes: string[]
  publicBaseUrl: string | undefined
  telemetry: Telemetry
  now(): number
}

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
      return await (event.routeKey === `GET ${paths.callback}` ? finishInstall(event) : beginInstall(event))
    } catch (error) {
      return failInstall('failed', errorFields(error))
    }
  })

  async function beginInstall(event: HttpEvent): Promise<HttpAnswer> {
    const portalId = event.queryStringParameters?.['portalId']
    if (!Digits.optional().safeParse(portalId).success) return failInstall('no portal')
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
      // Lax: the browser comes back from HubSpot's page, and would not send a strict cookie along.
      cookies: [`${cookieName}=${nonce}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=${installTime / 1000}`],
    }
  }

  async function finishInstall(event: HttpEvent): Promise<HttpAnswer> {
    const { state = '', code = '', error } = event.queryStringParameters ?? {}
    if (error)
      return failInstall(error === 'access_denied' ? 'denied' : 'refused by HubSpot', { error: safeCode(error) })
    // HubSpot can begin an installation as well, and then knows nothing of our state.
    if (state === '') return failInstall('begun elsewhere')
    const read = await stateOf(state)
    if (read.kind !== 'ours') return failInstall(read.kind)
    if (!event.cookies?.includes(`${cookieName}=${read.nonce}`)) return failInstall('another browser')
    if (!(await spendState(read))) return failInstall('replayed')
    if (code === '') return failInstall('no code')

    const answer = await askAsApp(deps.appSecret, (app) => oauth.exchange(app, code, redirectUri(event)))
    if (answer.kind !== 'tokens') return failInstall(failureOf(answer), { problem: answer.problem })
    return storePortal(await withItsPortal(answer))
  }

  function stateOf(state: string) {
    return withRotatedSecret(deps.appSecret, ({ clientSecrets }) => readState(state, clientSecrets, now()), {
      isWrong: ({ kind }) => kind === 'forged',
    })
  }

  /** Whether this is the first time that a state comes back. */
  function spendState({ nonce, expiresAt }: { nonce: string; expiresAt: number }) {
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

  async function storePortal(tokens: GivenTokens): Promise<HttpAnswer> {
    const { portalId, scopes } = tokens
    if (portalId === undefined) return failInstall('nameless')
    const missing = scopes ? missingScopes(scopes) : []
    if (missing.length > 0) return failInstall('scopes missing', { portalId, missing })
    const { isNew } = await keepTokens(portals, portalId, tokens, { now: now() })
    telemetry.info(isNew ? 'Portal installed' : 'Portal reinstalled', { portalId })
    telemetry.count(isNew ? 'PortalsInstalled' : 'PortalsReinstalled')
    return htmlPage(200, isNew ? connected(portalId) : reconnected(portalId))
  }

  function failInstall(why: InstallFailure, fields: object = {}): HttpAnswer {
    const { statusCode, reason, page } = failurePage(why)
    telemetry.warn('Installation failed', { why, reason, ...fields })
    telemetry.count('InstallsFailed', 1, { reason })
    return htmlPage(statusCode, page)
  }
}

const cookieName = '__Host-hubspot-install'

/** An error code of HubSpot's as a log may hold it: anybody can put anything there. */
const safeCode = (text: string) => (/^[a-z_]{1,40}$/.test(text) ? text : 'not a word')
