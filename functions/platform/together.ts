// Records of a batch run side by side, and their reads are answered at once: within this each that needs a slot has asked.
const gatheringMilliseconds = 1

/** Asks once for all callers within a moment: each gets the answer, how many there were, and its position among them. */
export function together<Answer>(
  sleep: (milliseconds: number) => Promise<unknown>,
  ask: (portalId: string, count: number) => Promise<Answer>,
) {
  const groups = new Map<string, { count: number; answer: Promise<Answer> }>()

  function startGroup(portalId: string) {
    const answer: Promise<Answer> = sleep(gatheringMilliseconds).then(() => {
      groups.delete(portalId)
      return ask(portalId, group.count)
    })
    const group = { count: 0, answer }
    groups.set(portalId, group)
    return group
  }

  return async (portalId: string) => {
    const group = groups.get(portalId) ?? startGroup(portalId)
    const position = group.count++
    return { answer: await group.answer, position, count: group.count }
  }
}
