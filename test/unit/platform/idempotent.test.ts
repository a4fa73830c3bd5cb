import { IdempotencyItemAlreadyExistsError, IdempotencyRecordStatus } from '@aws-lambda-powertools/idempotency'
import { BasePersistenceLayer, IdempotencyRecord } from '@aws-lambda-powertools/idempotency/persistence'
import type { Context } from 'aws-lambda'
import { afterEach, expect, test, vi } from 'vitest'
import { type AttemptStore, once } from '../../../functions/platform/idempotent.ts'
import { Deferred, RetryableError } from '../../../functions/platform/retry.ts'

const context = { getRemainingTimeInMillis: () => 30_000 } as Context
const run = (persistenceStore: AttemptStore, work: () => Promise<string>) =>
  once('key', { persistenceStore, context }, work)

afterEach(() => {
  vi.restoreAllMocks()
})

test('work is done once, and its record kept', async () => {
  const store = new Store()

  expect(await run(store, async () => 'done')).toBe('done')
  expect(store.calls).toEqual(['put', 'update'])
})

test('Powertools has nothing to warn of', async () => {
  const warn = vi.spyOn(console, 'warn')
  await run(new Store(), async () => 'done')

  expect(warn).not.toHaveBeenCalled()
})

test('work that fails leaves its own error, to the store and to the caller', async () => {
  const store = new Store()
  const error = new Error('busy')

  await expect(run(store, () => Promise.reject(error))).rejects.toBe(error)
  expect([store.error, store.calls]).toEqual([error, ['put', 'delete']])
})

test('where the store fails, the caller gets its error and not the one around it', async () => {
  const store = new Store()
  const error = new Error('AWS is down')
  store.fails = error

  await expect(run(store, async () => 'done')).rejects.toBe(error)
})

test('while another attempt is in progress, it waits its turn until that must be over', async () => {
  const store = new Store()
  store.inProgressUntil = 7

  const error = await run(store, async () => 'done').catch((error: unknown) => error)
  expect(error).toBeInstanceOf(Deferred)
  expect(error).toMatchObject({ message: 'Another attempt is in progress', notBefore: 7 })
})

test('while another attempt is in progress that says no time, it is tried again', async () => {
  const store = new Store()
  store.isInProgress = true

  const error = await run(store, async () => 'done').catch((error: unknown) => error)
  expect(error).toBeInstanceOf(RetryableError)
  expect(error).not.toBeInstanceOf(Deferred)
  expect(error).toMatchObject({ message: 'Another attempt is in progress', notBefore: undefined })
})

/** Keeps nothing, and says what it was asked to do. */
class Store extends BasePersistenceLayer implements AttemptStore {
  inProgressUntil: number | undefined
  isInProgress = false
  error: unknown
  fails: Error | undefined
  readonly calls: string[] = []

  protected override async _putRecord({ idempotencyKey }: IdempotencyRecord) {
    if (this.fails) throw this.fails
    this.calls.push('put')
    if (!this.isInProgress && this.inProgressUntil === undefined) return
    const record = new IdempotencyRecord({ idempotencyKey, status: IdempotencyRecordStatus.INPROGRESS })
    throw new IdempotencyItemAlreadyExistsError('Claimed before', record)
  }

  protected override async _updateRecord() {
    this.calls.push('update')
  }

  protected override async _deleteRecord() {
    this.calls.push('delete')
  }

  protected override _getRecord(): Promise<IdempotencyRecord> {
    throw new Error('Records are handed over when they exist')
  }
}
