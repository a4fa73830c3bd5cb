import {
  IdempotencyAlreadyInProgressError,
  IdempotencyConfig,
  IdempotencyPersistenceLayerError,
  makeIdempotent,
} from '@aws-lambda-powertools/idempotency'
import type { BasePersistenceLayer } from '@aws-lambda-powertools/idempotency/persistence'
import type { Context } from 'aws-lambda'
import { Deferred, RetryableError } from './retry.ts'

/** A persistence layer that lives for one attempt. */
export type AttemptStore = BasePersistenceLayer & {
  /** Until when another attempt may be in progress, where one is. */
  inProgressUntil: number | undefined
  /** What the work threw. Powertools does not pass it on, and what to leave behind may depend on it. */
  error: unknown
}

/**
 * Runs work under Powertools' idempotency: once for each key, whatever becomes of the attempts at it. Throws RetryableError
 * where another attempt is in progress, and else what the work or the persistence layer throws, not wrapped.
 */
export async function once<Result>(
  key: string,
  { persistenceStore, context }: { persistenceStore: AttemptStore; context: Context },
  work: () => Promise<Result>,
): Promise<Result> {
  // The key is the whole payload, and nothing is cached here: what counts is what the ledger holds now.
  const config = new IdempotencyConfig({})
  config.registerLambdaContext(context)
  const watched = async (_key: string) => {
    try {
      return await work()
    } catch (error) {
      persistenceStore.error = error
      throw error
    }
  }
  const idempotent = makeIdempotent(watched, { persistenceStore, config })
  try {
    return await idempotent(key)
  } catch (error) {
    if (error instanceof IdempotencyAlreadyInProgressError) throw inProgress(persistenceStore)
    throw error instanceof IdempotencyPersistenceLayerError ? error.cause : error
  }
}

/** Waiting for another attempt does not count as an attempt: a job that is nearly given up must not lose its time to that. */
function inProgress({ inProgressUntil }: AttemptStore) {
  const reason = 'Another attempt is in progress'
  return inProgressUntil === undefined ? new RetryableError(reason) : new Deferred(reason, inProgressUntil)
}
