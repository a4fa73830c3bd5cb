/** What was found out about one thing that the relay needs. */
export type Finding = { result: 'well' | 'wrong' | 'skipped'; sentence: string; remedy?: string }

/** In order. */
export const well = (sentence: string): Finding => ({ result: 'well', sentence })

/** It is not, and this is what to do. */
export const wrong = (sentence: string, remedy: string): Finding => ({ result: 'wrong', sentence, remedy })

/** It was not looked at, or nobody could say; this is how it could be known. */
export const skipped = (sentence: string, remedy: string): Finding => ({ result: 'skipped', sentence, remedy })
