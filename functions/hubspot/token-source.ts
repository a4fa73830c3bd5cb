import { askAsApp, type ReadAppSecret } from './app-secret.ts'
import type { OAuth, TokenAnswer } from './oauth.ts'

/** Who gives access tokens. */
export type TokenSource = {
  /** Its name in sentences. */
  name: string
  /** What gives access to a portal that lost it, as the rest of a sentence: `until …`. */
  restoredBy: string
  /** Whether a portal's refresh token has to be kept here. */
  refreshesByToken: boolean
  /** Another access token of a portal. `refused`: HubSpot has just refused the last one. */
  renew(portal: { portalId: string; refreshToken: string | undefined; refused: boolean }): Promise<TokenAnswer>
}

/** HubSpot, for the refresh token of a portal that installed the app by the relay's own link, or was imported. */
export const hubSpotAsSource = ({
  oauth,
  appSecret,
}: {
  oauth: Pick<OAuth, 'refresh'>
  appSecret: ReadAppSecret
}): TokenSource => ({
  name: 'HubSpot',
  restoredBy: 'the app is reinstalled',
  refreshesByToken: true,
  async renew({ portalId, refreshToken = '' }) {
    const answer = await askAsApp(appSecret, (app) => oauth.refresh(app, refreshToken))
    const isOfAnother = answer.kind === 'tokens' && (answer.portalId ?? portalId) !== portalId
    return isOfAnother ? { kind: 'rejected', problem: `it answers for portal ${answer.portalId}` } : answer
  },
})
