import { telegram } from '../../../../functions/providers/telegram/send.ts'
import { anyAccount, type Harness } from './harness.ts'

const botToken = '110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw'

/** A Telegram bot. */
export const harness: Harness = {
  send: anyAccount(telegram),
  account: (baseUrl) => ({ provider: 'telegram', botToken, baseUrl }),
  secrets: [botToken, botToken.split(':')[1]!],
  nonsense: {
    'no token': { botToken: undefined },
    'a token that is none': { botToken: 'hunter2' },
    'a token that leads elsewhere': { botToken: '110201543:x/../y' },
    'plain HTTP': { baseUrl: 'http://api.telegram.org' },
  },
  customers: ['1111111', '-1001234567890'],
  longestText: 4096,
  answers: {
    taken: [{ status: 200, body: { ok: true, result: { message_id: 42 } } }],
    rejected: [
      {
        ...refusal(403, 'Forbidden: bot was blocked by the user'),
        code: 403,
        key: 'bot was blocked by the user',
      },
      { ...refusal(400, 'Bad Request: chat not found'), code: 400 },
      { ...refusal(400, 'Bad Request: something new'), code: 400 },
    ],
    later: [
      refusal(429, 'Too Many Requests: retry after 7', { parameters: { retry_after: 7 } }),
      refusal(401, 'Unauthorized'),
      refusal(404, 'Not Found'),
      refusal(400, 'Bad Request: Logged out'),
      refusal(421, 'Misdirected Request'),
      refusal(400, 'Bad Request: FROZEN_METHOD_INVALID'),
      { status: 403 },
    ],
    doubtful: [
      refusal(500, 'Internal Server Error'),
      { status: 502 },
      { status: 503 },
      { status: 504 },
      { status: 200 },
    ],
  },
}

function refusal(status: number, description: string, more = {}) {
  return { status, body: { ok: false, error_code: status, description, ...more } }
}
