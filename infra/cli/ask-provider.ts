import * as z from 'zod'
import { createFetchJson, type HttpResponse, NoAnswer } from '../../functions/platform/fetch-json.ts'
import { withoutSlash } from '../../functions/platform/url.ts'
import type { Provider } from '../../functions/providers/accounts.ts'
import { LineAccount } from '../../functions/providers/line/account.ts'
import { TelegramAccount } from '../../functions/providers/telegram/account.ts'
import { TwilioAccount } from '../../functions/providers/twilio/account.ts'
import { NumericCode } from '../../functions/providers/verdict.ts'
import { WhatsAppAccount } from '../../functions/providers/whatsapp/account.ts'
import { verdicts } from '../../functions/providers/whatsapp/reasons.ts'
import { type Finding, skipped, well, wrong } from './findings.ts'

/** Whose account it is: the channel, or channel account, that the secret is named after, and where its receipts belong. */
type Asked = { id: string; receiptsUrl: string | undefined }

/**
 * Asks a provider whether it accepts the credentials of an account, by requests that change nothing and cost nothing. No
 * answer is quoted: it may have the credentials in it.
 */
export async function askProvider(provider: Provider, account: unknown, about: Asked): Promise<Finding[]> {
  return questions[provider](account, about)
}

const questions: Record<Provider, (account: unknown, about: Asked) => Promise<Finding[]>> = {
  async forward(_account, { id }) {
    return [
      skipped(
        `The service behind ${id} is not asked: no request to it is free of effects.`,
        'Whether it accepts what is forwarded shows with the first message.',
      ),
    ]
  },

  async line(account, { id }) {
    const { baseUrl, channelAccessToken } = LineAccount.parse(account)
    const answer = await ask(`${withoutSlash(baseUrl)}/v2/bot/info`, { authorization: `Bearer ${channelAccessToken}` })
    return [judge(answer, { id, who: 'LINE', what: 'channel access token', refusedBy: [401, 403] })]
  },

  async telegram(account, { id }) {
    const { baseUrl, botToken } = TelegramAccount.parse(account)
    const answer = await ask(`${withoutSlash(baseUrl)}/bot${botToken}/getMe`, {})
    // A token of the right form that no bot has gives 401, one of a wrong form 404; 400 and 421 a bot that has moved.
    return [judge(answer, { id, who: 'Telegram', what: 'bot token', refusedBy: [400, 401, 404, 421] })]
  },

  /** The auth token signs receipts even where an API key sends, so that both are tried. */
  async twilio(account, { id }) {
    const { baseUrl, accountSid, authTokens, apiKey } = TwilioAccount.parse(account)
    const url = `${withoutSlash(baseUrl)}/2010-04-01/Accounts/${accountSid}`
    const answer = await ask(`${url}.json`, basic(accountSid, authTokens[0]))
    const ofToken = judge(answer, { id, who: 'Twilio', what: 'account SID and auth token', refusedBy: [401, 403, 404] })
    const { status } = TwilioState.safeParse(answer?.json).data ?? {}
    const isSuspended = ofToken.result === 'well' && status !== undefined && status !== 'active'
    const findings = isSuspended
      ? [wrong(`The Twilio account behind ${id} is ${status}: it sends nothing.`, 'Resolve it in the Twilio console.')]
      : [ofToken]
    if (!apiKey) return findings
    // A standard key may not read the account itself. The page's messages are not looked at.
    const byKey = await ask(`${url}/Messages.json?PageSize=1`, basic(apiKey.sid, apiKey.secret))
    return [...findings, judge(byKey, { id, who: 'Twilio', what: 'API key', refusedBy: [401] })]
  },

  async whatsapp(account, { id, receiptsUrl }) {
    const secret = WhatsAppAccount.parse(account)
    if ('apiKey' in secret) {
      const answer = await ask(`${withoutSlash(secret.baseUrl)}/v1/configs/webhook`, { 'd360-api-key': secret.apiKey })
      const who = { id, who: '360dialog', what: 'API key', refusedBy: [401, 403] }
      const { url } = Webhook.safeParse(answer?.json).data ?? {}
      return [judge(answer, who), ...(url === undefined || !receiptsUrl ? [] : [postsTo(url, receiptsUrl, id)])]
    }
    const { baseUrl, graphVersion, phoneNumberId, accessToken } = secret
    // Nothing but a phone number has this field: a business account, whose id is often taken for the number's, has not.
    const number = `${withoutSlash(baseUrl)}/${graphVersion}/${phoneNumberId}?fields=display_phone_number`
    const answer = await ask(number, { authorization: `Bearer ${accessToken}` })
    const { code, message = '' } = MetaError.safeParse(answer?.json).data?.error ?? {}
    if (code === 100 && /appsecret_proof/.test(message))
      return [
        wrong(
          `The app at Meta that ${id} belongs to asks for a proof by its secret with each call, which the relay does not send.`,
          'Switch “Require App Secret” off, in the app’s settings at Meta: Advanced, Security.',
        ),
      ]
    if (code === 100 || code === 33)
      return [
        wrong(
          `Meta knows no phone number with the phoneNumberId of ${id}, or does not let this access token see it.`,
          `Take the phone number's id (not the number, nor the account's id) from the app's page at Meta: npm run relay -- secret set channel ${id}`,
        ),
      ]
    const isOfAccount = code !== undefined && verdicts.get(`${code}`) === 'account'
    const refusedBy = answer && (isOfAccount || answer.status === 401) ? [answer.status] : []
    return [judge(answer, { id, who: 'Meta', what: 'access token', refusedBy })]
  },
}

const TwilioState = z.object({ status: z.enum(['active', 'suspended', 'closed']) })
const MetaError = z.object({ error: z.object({ code: NumericCode, message: z.string().optional().catch(undefined) }) })
const Webhook = z.object({ url: z.string() })

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})

/** The answer to a GET; undefined where none came. */
async function ask(url: string, headers: Record<string, string>) {
  try {
    return await fetchJson(url, { method: 'GET', headers })
  } catch (error) {
    if (error instanceof NoAnswer) return undefined
    throw error
  }
}

const fetchJson = createFetchJson({ timeout: 10_000 })

/** What an answer says of credentials; one that says nothing of them is no verdict. */
function judge(
  answer: HttpResponse | undefined,
  { id, who, what, refusedBy }: { id: string; who: string; what: string; refusedBy: number[] },
): Finding {
  if (!answer)
    return skipped(
      `${who} could not be asked, for it does not answer: whether it accepts the ${what} of ${id} is not known.`,
      'Try again in a while.',
    )
  const { status } = answer
  if (status >= 200 && status < 300) return well(`${who} accepts the ${what} of ${id}.`)
  if (refusedBy.includes(status))
    return wrong(`${who} rejects the ${what} of ${id} (HTTP ${status}).`, `npm run relay -- secret set channel ${id}`)
  return skipped(
    `${who} does not say whether it accepts the ${what} of ${id} (HTTP ${status}).`,
    'Try again in a while.',
  )
}

/** Whether the webhook that a provider holds is the relay's. */
function postsTo(url: string, receiptsUrl: string, id: string) {
  if (url === receiptsUrl || url.startsWith(`${receiptsUrl}/`))
    return well(`360dialog posts the receipts of ${id} to the relay.`)
  return wrong(
    `360dialog posts the receipts of ${id} elsewhere than to the relay.`,
    `Enter the webhook in the 360dialog hub: ${receiptsUrl}/{channelId}, or ${receiptsUrl}/{channelId}/${id} for a channel account.`,
  )
}
