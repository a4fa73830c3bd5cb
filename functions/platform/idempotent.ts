import type { JSONValue } from '@aws-lambda-powertools/commons/types'
import {
  IdempotencyAlreadyInProgressError,
  IdempotencyConfig,
  IdempotencyItemAlreadyExistsError,
  IdempotencyPersistenceLayerError,
  IdempotencyRecordStatus,
  makeIdempotent,
} from '@aws-lambda-powertools/idempotency'
import { BasePersistenceLayer, IdempotencyRecord } from '@aws-lambda-powertools/idempotency/persistence'
import type { Context } from 'aws-lambda'
import { RetryableError } from './retry.ts'

/** The moments at which Powertools' idempotency keeps its record; ours is part of an item that means something by itself. */
export type Keeping<Result> = {
  /** Claims the work. Says so, or that it is done with this result, or until when somebody else may be at it. */
  begin(): Promise<'claimed' | { done: Result } | { inProgressUntil: number }>
  /** Keeps the result. Throwing means that the work does not count as done. */
  complete(result: Result): Promise<void>
  /** The work threw: it may be claimed again. */
  release(): Promise<void>
}

/**
 * Runs work under Powertools' idempotency with a record of our own.
 * Throws RetryableError where somebody else is at it, and whatever the work or the keeping throws.
 */
export async function once<Result>(
  key: string,
  keeping: Keeping<Result>,
  context: Context,
  work: () => Promise<Result>,
) {
  const keeper = new Keeper(keeping)
  const config = new IdempotencyConfig({})
  config.registerLambdaContext(context)
  const idempotent = makeIdempotent((_key: string) => work(), { persistenceStore: keeper, config })
  try {
    return await idempotent(key)
  } catch (error) {
    if (error instanceof IdempotencyAlreadyInProgressError)
      throw new RetryableError('Another try is at it', { notBefore: keeper.inProgressUntil })
    throw error instanceof IdempotencyPersistenceLayerError ? error.cause : error
  }
}

// One for each piece of work: Powertools configures a layer once, and ours knows the one record that it keeps.
class Keeper<Result> extends BasePersistenceLayer {
  readonly #keeping: Keeping<Result>
  inProgressUntil: number | undefined

  constructor(keeping: Keeping<Result>) {
    super()
    this.#keeping = keeping
  }

  protected override async _putRecord(record: IdempotencyRecord) {
    const begun = await this.#keeping.begin()
    if (begun === 'claimed') return
    if ('inProgressUntil' in begun) this.inProgressUntil = begun.inProgressUntil
    const { idempotencyKey } = record
    throw new IdempotencyItemAlreadyExistsError(
      'Begun before',
      new IdempotencyRecord(
        'done' in begun
          ? { idempotencyKey, status: IdempotencyRecordStatus.COMPLETED, responseData: begun.done as JSONValue }
          : { idempotencyKey, status: IdempotencyRecordStatus.INPROGRESS },
      ),
    )
  }

  protected override async _updateRecord(record: IdempotencyRecord) {
    await this.#keeping.complete(record.getResponse() as Result)
  }

  protected override async _deleteRecord() {
    await this.#keeping.release()
  }

  // Powertools asks for a record only where `_putRecord` did not hand it over.
  protected override _getRecord(): Promise<IdempotencyRecord> {
    throw new Error('Records are handed over when they exist')
  }
}
