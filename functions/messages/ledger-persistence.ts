import type { JSONValue } from '@aws-lambda-powertools/commons/types'
import { IdempotencyItemAlreadyExistsError, IdempotencyRecordStatus } from '@aws-lambda-powertools/idempotency'
import { BasePersistenceLayer, IdempotencyRecord } from '@aws-lambda-powertools/idempotency/persistence'
import type { MessageKey } from './jobs.ts'
import type { Ledger } from './ledger.ts'
import type { Decision, LedgerItem } from './record.ts'

/** What an attempt's rules decide on the message's item. Each answer but `claimed` and `inProgressUntil` is what was found. */
export type AttemptRules<Result, Finding> = {
  /** Claims the work; or finds why it is not to be done: because it was, with `done` as its result, or for another reason. */
  claim(item: LedgerItem): Decision<'claimed' | { inProgressUntil: number } | Finding>
  /** Records what the work returned. */
  complete(item: LedgerItem, result: Result): Decision<Finding>
  /** The work threw: gives the claim back, as far as that may be. */
  release(item: LedgerItem, error: unknown): Decision<undefined>
}

/**
 * Powertools' idempotency on the ledger. A record is no item of its own but part of the message's: put is a claim of the
 * work in it, update records its result, delete gives the claim back. One object for each attempt; `finding`, `item` and
 * `decidedOn` are read after the call. Why: docs/decisions/0003-powertools-on-the-ledger.md.
 */
export class LedgerPersistence<Result, Finding> extends BasePersistenceLayer {
  /** What claiming the work found, or recording its result; undefined where the attempt came to neither. */
  finding: Finding | undefined
  /** The message's item as it stands since the attempt's last write, and the one by which the claim was decided. */
  item: LedgerItem
  decidedOn: LedgerItem
  inProgressUntil: number | undefined
  error: unknown
  readonly #ledger: Pick<Ledger, 'change'>
  readonly #key: MessageKey
  readonly #rules: AttemptRules<Result, Finding>

  constructor(
    { ledger, key, seen }: { ledger: Pick<Ledger, 'change'>; key: MessageKey; seen: LedgerItem },
    rules: AttemptRules<Result, Finding>,
  ) {
    super()
    this.#ledger = ledger
    this.#key = key
    this.#rules = rules
    this.item = seen
    this.decidedOn = seen
  }

  protected override async _putRecord({ idempotencyKey }: IdempotencyRecord) {
    const { answer, decidedOn, item } = await this.#ledger.change(this.#key, this.#rules.claim, this.item)
    Object.assign(this, { decidedOn, item })
    if (answer === 'claimed') return
    const status = isInProgress(answer) ? IdempotencyRecordStatus.INPROGRESS : IdempotencyRecordStatus.COMPLETED
    if (isInProgress(answer)) this.inProgressUntil = answer.inProgressUntil
    else this.finding = answer
    const responseData = resultIn(answer)
    const record = new IdempotencyRecord({
      idempotencyKey,
      status,
      ...(responseData !== undefined && { responseData }),
    })
    throw new IdempotencyItemAlreadyExistsError('Claimed before', record)
  }

  protected override async _updateRecord(record: IdempotencyRecord) {
    const result = record.getResponse() as Result
    const recorded = await this.#ledger.change(this.#key, (item) => this.#rules.complete(item, result), this.item)
    this.finding = recorded.answer
    this.item = recorded.item
  }

  protected override async _deleteRecord() {
    await this.#ledger.change(this.#key, (item) => this.#rules.release(item, this.error), this.item)
  }

  // Powertools asks for a record only where `_putRecord` did not hand it over.
  protected override _getRecord(): Promise<IdempotencyRecord> {
    throw new Error('Records are handed over when they exist')
  }
}

const isInProgress = (answer: unknown): answer is { inProgressUntil: number } =>
  typeof answer === 'object' && answer !== null && 'inProgressUntil' in answer

const resultIn = (answer: unknown) =>
  typeof answer === 'object' && answer !== null && 'done' in answer ? (answer.done as JSONValue) : undefined
