import * as z from 'zod'

/**
 * A provider's code for a failure, as its documentation lists them: a word without a space, and no digits in a row that
 * could be a telephone number. It is kept in the ledger and in events, where no text is.
 */
export const FailureCode = z.string().regex(/^(?!.*\d{8})[\w.:-]{1,64}$/)

/** What a provider called it, if that is a code. */
export const failureCode = (code: unknown) =>
  typeof code === 'string' || typeof code === 'number' ? FailureCode.safeParse(`${code}`).data : undefined
