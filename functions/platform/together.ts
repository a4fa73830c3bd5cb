// Records of a batch run side by side, and their reads are answered at once: within this each that needs a slot has asked.
const gatheringMilliseconds = 1

/** Asks once for all callers within a moment: each gets the answer, how many there were, and its position among them. */
export function together<Answer>(
  sleep: (milliseconds: number) => Promise<unknown>,
  ask: (key: string, count: number) => Promise<Answer>,
) {
  const groups = new Map<string, { count: number; answer: Promise<Answer> }>()

  function startGroup(key: string) {
    const answer: Promise<Answer> = sleep(gatheringMilliseconds).then(() => {
      groups.delete(key)
      return ask(key, group.count)
    })
    const group = { count: 0, answer }
    groups.set(key, group)
    return group
  }

  return async (key: string) => {
    const group = groups.get(key) ?? startGroup(key)
    const position = group.count++
    return { answer: await group.answer, position, count: group.count }
  }
}
