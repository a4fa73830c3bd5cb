import * as z from 'zod'
import { about, HandOnJob, version } from './messages/jobs.ts'
import { consume } from './platform/consume.ts'
import type { ConsumerDeps } from './platform/consumer.ts'
import { type FetchJson, NoAnswer } from './platform/fetch-json.ts'
import { gunzip } from './platform/queue.ts'
import { PermanentError, RetryableError, retryAfter } from './platform/retry.ts'
import type { Accounts } from './providers/accounts.ts'
import type { ReceiptAdapter } from './providers/provider.ts'

/** What `hand-on` works with. */
export type Deps = ConsumerDeps & {
  accounts: Accounts<ReceiptAdapter<unknown> | undefined>
  fetchJson: FetchJson
}

/**
 * Hands on what providers post beside receipts, customers' messages for instance: the body as it came, with the headers by
 * which its receiver verifies it, to the place that the account names now. At least once, in no certain order, as the
 * providers post themselves.
 */
export function createHandler(deps: Deps) {
  const { accounts, fetchJson, telemetry, now } = deps

  async function handle(job: HandOnJob) {
    const to = await placeFor(job)
    await post(to, job).catch(async (error) => {
      // The place may have been put right since the secret was read.
      const latest = await placeFor(job, { fresh: true })
      if (latest === to) throw error
      await post(latest, job)
    })
    telemetry.info('Handed on', about(job))
    telemetry.count('HandedOn')
  }

  async function placeFor(job: HandOnJob, options?: { fresh: boolean }) {
    const found = await accounts.find(job, options)
    const place = found?.adapter?.handOnTo?.(found.account)
    if (place === undefined) throw new RetryableError('The account names no place to hand this on to')
    return place
  }

  async function post(to: string, { headers, body }: HandOnJob) {
    const { status, headers: answered } = await fetchJson(to, { method: 'POST', headers, body: gunzip(body) }).catch(
      unanswered,
    )
    if (status >= 200 && status < 300) return
    if (status >= 400 && status < 500 && ![408, 425, 429].includes(status))
      throw new PermanentError(`The place to hand this on to refuses it (HTTP ${status})`)
    throw new RetryableError(`The place to hand this on to answered HTTP ${status}`, {
      named: retryAfter(answered['retry-after'], now()),
    })
  }

  return consume<HandOnJob, object>({
    ...deps,
    version,
    schema: HandOnJob,
    progress: z.looseObject({}),
    handle,
    tenantOf,
    about,
  })
}

function unanswered(error: unknown): never {
  if (error instanceof NoAnswer)
    throw new RetryableError(`The place to hand this on to gave no answer (${error.message})`, { cause: error })
  throw error
}

/** Whose request it is, for SQS's fair queues: the portal is not known. */
const tenantOf = (body: unknown) => about(body).channelId ?? 'unknown'
