import type { Page } from '../platform/html-page.ts'
import { neededScopes } from './oauth.ts'
import type { TokenFailure } from './token-failure.ts'

/** The page on which an installation begins, and the one that HubSpot sends the browser back to. */
export const paths = { install: '/oauth/install', callback: '/oauth/callback' }

/** What a portal's administrator reads after the first installation. */
export const connected = (portalId: string): Page => ({
  title: 'HubSpot is connected',
  paragraphs: [
    `From now on the status relay tells HubSpot account ${portalId} what became of each message.`,
    'Next, in HubSpot: open the settings of your inbox or help desk, and connect an account of the channel, unless one is connected already. You may close this page.',
  ],
})

/** The same after another one. */
export const reconnected = (portalId: string): Page => ({
  title: 'HubSpot is connected again',
  paragraphs: [
    `HubSpot account ${portalId} was connected before; its access has been renewed. Messages whose status had to wait for it follow within a quarter of an hour.`,
    'There is nothing else to do. You may close this page.',
  ],
})

/** The page that says why an installation fails, its status code, and what is counted. */
export function failurePage(why: InstallFailure): { statusCode: number; reason: string; page: Page } {
  const { statusCode, reason, ...page } = failures[why]
  return { statusCode, reason, page: { link: startAgain, ...page } }
}

/** Why HubSpot gave no tokens for an installation. */
export function failureOf({ kind, code, blames }: TokenFailure): InstallFailure {
  if (kind === 'retryable') return 'unavailable'
  if (blames === 'redirect URL') return 'redirect URL'
  if (kind === 'revoked' || code === 'BAD_AUTH_CODE') return 'used code'
  return blames === 'app' ? 'app refused' : 'expired code'
}

const startAgain = { href: paths.install, text: 'Start again' }

/** Why an installation fails. */
export type InstallFailure = keyof typeof failures

/** Why an installation fails: the page that says so, its status code, and what is counted. */
const failures = {
  'no portal': {
    statusCode: 400,
    reason: 'malformed',
    title: 'That is not a HubSpot account',
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
      'If that was a mistake, start again. Only an administrator of the account, or somebody who may install apps there, can give it.',
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
  unavailable: {
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
      'The code that HubSpot gave works once and for a short time, and this one is no longer valid. Nothing was changed.',
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
