/**
 * Uses a secret as it was last read, and if the answer is that it is wrong, as it is now: it may have been rotated since.
 * `read` with `fresh` bypasses the cache.
 */
export async function withRotatedSecret<Secret, Answer>(
  read: (options?: { fresh: boolean }) => Promise<Secret>,
  use: (secret: Secret) => Answer | Promise<Answer>,
  { isWrong, isSame }: { isWrong(answer: Answer): boolean; isSame?(one: Secret, other: Secret): boolean },
): Promise<Answer> {
  const secret = await read()
  const answer = await use(secret)
  if (!isWrong(answer)) return answer
  const latest = await read({ fresh: true })
  return isSame?.(secret, latest) ? answer : use(latest)
}
