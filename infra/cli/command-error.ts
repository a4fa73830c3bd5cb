/** Thrown where a command cannot do, or has not done, what it was asked: a sentence, and what to do about it. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly remedy: string | undefined

  constructor(sentence: string, remedy?: string, options?: ErrorOptions) {
    super(sentence, options)
    this.remedy = remedy
  }
}
