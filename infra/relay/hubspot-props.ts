/** How HubSpot's API is called. */
export interface HubSpotApi {
  /**
   * @default https://api.hubapi.com
   */
  readonly baseUrl: string
  /**
   * @default v3
   */
  readonly apiVersion: 'v3' | '2025-09' | '2026-03' | '2026-09'
  /**
   * How many requests HubSpot allows the app in one account in ten seconds, until its answers say.
   *
   * @default 110
   */
  readonly requestLimit: number
  /**
   * The share of that limit which the relay may use; the rest is left to the app's other calls.
   *
   * @default 0.6
   */
  readonly requestShare: number
  /**
   * Your own endpoint for access tokens, if you keep your accounts' refresh tokens yourself. The relay posts `{portalId}`
   * to it, signed by Standard Webhooks, and it answers `{accessToken, expiresAt}`. The relay then keeps no refresh token,
   * and `install` is off.
   *
   * @default - none, HubSpot gives them, for refresh tokens that are kept here
   */
  readonly accessTokens?: { readonly url: string }
  /**
   * The host of the page on which administrators consent.
   *
   * @default https://app.hubspot.com
   */
  readonly appBaseUrl: string
  /**
   * The scopes that the app's configuration at HubSpot requires: an installation has to ask for all of them.
   *
   * @default - those that a custom channel needs
   */
  readonly scopes: string[]
}

/** How it is called unless something else is chosen. */
export const hubspotDefaults: HubSpotApi = {
  baseUrl: 'https://api.hubapi.com',
  apiVersion: 'v3',
  requestLimit: 110,
  requestShare: 0.6,
  appBaseUrl: 'https://app.hubspot.com',
  // What a custom channel needs, by HubSpot's guide.
  scopes: ['oauth', 'conversations.read', 'conversations.custom_channels.read', 'conversations.custom_channels.write'],
}
