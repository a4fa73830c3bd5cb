import { setTimeout as sleep } from 'node:timers/promises'
import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import { RetryableError } from './retry.ts'

/** Thrown where a secret cannot be read, or is not what it should be. The message names the secret and the field, never a value. */
export class SecretUnavailable extends RetryableError {
  override name = 'SecretUnavailable'
  /** Whether Secrets Manager could not answer, or refused to, where either is known. */
  readonly why: 'down' | 'refused' | undefined

  constructor(reason: string, why?: 'down' | 'refused') {
    super(reason)
    this.why = why
  }
}

export async function fetchText(client: SecretsManagerClient, id: string, timeout: number | undefined) {
  try {
    const asked = client.send(new GetSecretValueCommand({ SecretId: id }))
    const { SecretString } = await (timeout === undefined ? asked : within(timeout, asked))
    return SecretString ?? ''
  } catch (error) {
    if (error instanceof ResourceNotFoundException) return undefined
    const name = error instanceof Error ? error.name : 'unknown error'
    throw new SecretUnavailable(`Secret ${id} cannot be read: ${name}`, whyUnread(error))
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
 * Whether Secrets Manager could not answer (no answer in time, a throttle, an error of its own), or refused to: access
 * denied, a key denied or disabled, a secret marked for deletion.
 */
function whyUnread(error: unknown) {
  if (!(error instanceof Error)) return undefined
  const { name, $metadata, $fault, code } = error as Error & {
    $metadata?: { httpStatusCode?: number }
    $fault?: string
    code?: string
  }
  const status = $metadata?.httpStatusCode
  if (/Denied|Decryption|Disabled|KMS|InvalidRequest|UnrecognizedClient|Expired|Signature|Authori/i.test(name))
    return 'refused'
  if ((status ?? 0) >= 500 || status === 429 || $fault === 'server') return 'down'
  if (/Throttl|TooManyRequests|RequestLimitExceeded|SlowDown|Timeout|Abort|Network/i.test(name)) return 'down'
  return status === undefined && $fault === undefined && code !== undefined ? 'down' : undefined
}
