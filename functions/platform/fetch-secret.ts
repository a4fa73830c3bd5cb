import { setTimeout as sleep } from 'node:timers/promises'
import { NoAnswer } from './fetch-json.ts'
import { RetryableError } from './retry.ts'

/** Thrown where a secret cannot be read, or is not what it should be. The message names the secret and the field, never a value. */
export class SecretUnavailable extends RetryableError {
  override name = 'SecretUnavailable'
  /** Whether AWS could not answer or denied access, where either is known. */
  readonly why: 'down' | 'denied' | undefined

  constructor(reason: string, why?: 'down' | 'denied') {
    super(reason)
    this.why = why
  }
}

/** Where secrets are kept: the text of one, undefined where there is none of that name. Rejects with AWS's error where that cannot be said. */
export type SecretStore = (id: string) => Promise<string | undefined>

/** The text of a secret, within a time where that is limited. Throws SecretUnavailable. */
export async function fetchText(store: SecretStore, id: string, timeout: number | undefined) {
  try {
    const asked = store(id)
    return await (timeout === undefined ? asked : within(timeout, asked))
  } catch (error) {
    const name = error instanceof Error ? error.name : 'unknown error'
    throw new SecretUnavailable(`Secret ${id} cannot be read: ${name}`, whyUnreadable(error))
  }
}

async function within<Answer>(milliseconds: number, asked: Promise<Answer>) {
  asked.catch(() => {})
  const timeout = new AbortController()
  const late = sleep(milliseconds, undefined, { signal: timeout.signal, ref: false }).then((): never => {
    throw Object.assign(new Error('No answer in time'), { name: 'TimeoutError' })
  })
  late.catch(() => {})
  return Promise.race([asked, late]).finally(() => timeout.abort())
}

/**
 * Whether AWS could not answer (no answer in time, a throttle, an error of its own), or denied access: no permission, a key
 * that is denied or disabled, a secret marked for deletion.
 */
function whyUnreadable(error: unknown) {
  if (!(error instanceof Error)) return undefined
  const { name, $metadata, $fault } = error as Error & {
    $metadata?: { httpStatusCode?: number }
    $fault?: string
  }
  const status = $metadata?.httpStatusCode
  if (
    error.cause instanceof NoAnswer ||
    (status ?? 0) >= 500 ||
    status === 429 ||
    status === 408 ||
    $fault === 'server'
  )
    return 'down'
  if (/Throttl|ThroughputExceeded|TooMany|LimitExceeded|InProgress|SlowDown|Timeout|Abort|Network/i.test(name))
    return 'down'
  if (
    /Denied|Decryption|Disabled|Inaccessible|KMS|InvalidRequest|UnrecognizedClient|Expired|Signature|Authori/i.test(
      name,
    )
  )
    return 'denied'
  // What is neither a denial nor an answer says nothing of the secret.
  return (status ?? 0) >= 400 || $fault !== undefined ? undefined : 'down'
}
