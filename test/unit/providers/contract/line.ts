import { line } from '../../../../functions/providers/line/send.ts'
import { anyAccount, type Harness } from './harness.ts'

const channelAccessToken = 'ChannelAccessToken0123456789+/='

/** A LINE Official Account. */
export const harness: Harness = {
  send: anyAccount(line),
  account: (baseUrl) => ({ provider: 'line', channelAccessToken, baseUrl }),
  secrets: [channelAccessToken],
  nonsense: {
    'no token': { channelAccessToken: undefined },
    'a token that no header carries': { channelAccessToken: 'two\nlines' },
    'plain HTTP': { baseUrl: 'http://api.line.me' },
  },
  customers: [`U${'1'.repeat(32)}`, `U${'2'.repeat(32)}`],
  longestText: 5000,
  keyHeader: 'x-line-retry-key',
  answers: {
    taken: [
      { status: 200, body: { sentMessages: [{ id: '461230966842064897' }] } },
      { status: 200, body: {} },
      {
        status: 409,
        headers: { 'x-line-accepted-request-id': 'request-1' },
        body: { message: 'The retry key is already accepted' },
      },
    ],
    rejected: [
      { status: 400, body: { message: 'Failed to send messages' }, code: 400, key: 'Failed to send messages' },
      { status: 413, body: { message: 'The request body is too large' }, code: 413 },
      { status: 429, body: { message: 'You have reached your monthly limit.' }, code: 429 },
    ],
    later: [
      {
        status: 429,
        body: { message: 'The API rate limit has been exceeded. Try again later.' },
        headers: { 'retry-after': '7' },
      },
      { status: 401, body: { message: 'Authentication failed due to the following reason: invalid token.' } },
      { status: 403, body: { message: 'Access to this API is not available for your account' } },
      { status: 404, body: { message: 'Not found' } },
      { status: 503 },
    ],
    doubtful: [{ status: 500, body: { message: 'Internal server error' } }, { status: 502 }, { status: 504 }],
  },
}
