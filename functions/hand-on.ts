import * as z from 'zod'
import { about } from './messages/about.ts'
import { Digits } from './messages/ids.ts'
import { version } from './messages/job-version.ts'
import { HandOnJob } from './messages/jobs.ts'
import { consume } from './platform/consume.ts'
import type { ConsumerDeps } from './platform/consumer.ts'
import { type FetchJson, NoAnswer } from './platform/fetch-json.ts'
import { gunzip } from './platform/queue.ts'
import { PermanentError, parseRetryAfter, RetryableError, retryableClientErrors } from './platform/retry.ts'
import { withRotatedSecret } from './platform/rotated-secret.ts'
import type { Accounts } from './providers/accounts.ts'
import type { ReceiptAdapter } from './providers/provider.ts'

/** What `hand-on` works with. */
export type Deps = ConsumerDeps & {
  accounts: Accounts<ReceiptAdapter<unknown> | undefined>
  fetchJson: FetchJson
}

/**
 * Hands on what providers post other than receipts, customers' messages for instance: the body as it came, with the headers
 * by which its receiver verifies it, to the endpoint that the account names now. At least once and in no guaranteed order, as
 * the providers themselves post.
 */
export function createHandler(deps: Deps) {
  const { accounts, fetchJson, telemetry, now } = deps

  async function handle(job: HandOnJob) {
    // The endpoint may have been corrected since the secret was read.
    const failure = await withRotatedSecret(
      (options) => endpointFor(job, options),
      (endpoint) => post(endpoint, job).catch((error: unknown) => error),
      { isWrong: (error) => error !== undefined, isSame: (one, other) => one === other },
    )
    if (failure !== undefined) throw failure
    telemetry.info('Handed on', about(job))
    telemetry.count('HandedOn')
  }

  async function endpointFor(job: HandOnJob, options?: { fresh: boolean }) {
    const found = await accounts.find(job, options)
    const endpoint = found?.adapter?.handOnTo?.(found.account)
    if (endpoint === undefined) throw new RetryableError('The account names no endpoint to forward this to')
    return endpoint
  }

  async function post(to: string, { headers, body }: HandOnJob) {
    const { status, headers: answered } = await fetchJson(to, { method: 'POST', headers, body: gunzip(body) }).catch(
      unanswered,
    )
    if (status >= 200 && status < 300) return
    if (status >= 400 && status < 500 && !retryableClientErrors.has(status))
      throw new PermanentError(`The forwarding endpoint rejected the request (HTTP ${status})`)
    throw new RetryableError(`The forwarding endpoint answered HTTP ${status}`, {
      retryAfter: parseRetryAfter(answered['retry-after'], now()),
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
    throw new RetryableError(`The forwarding endpoint gave no answer (${error.message})`, { cause: error })
  throw error
}

/** Whose request it is, for SQS's fair queues: the portal is not known. */
const tenantOf = (body: unknown) => Digits.safeParse(about(body).channelId).data ?? 'unknown'
