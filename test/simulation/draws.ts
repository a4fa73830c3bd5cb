/** Numbers by chance that are the same for the same seed. */
export type Draws = ReturnType<typeof createDraws>

/**
 * Chance under a seed. Each purpose has a sequence of its own, so that an event more or less in one place of the world
 * changes nothing of what is drawn in another: what a failure does not need can be taken away, and the rest stays.
 */
export function createDraws(seed: number) {
  const sequences = new Map<string, { start: number; count: number }>()

  function next(purpose: string) {
    const sequence = sequences.get(purpose) ?? { start: startOf(seed, purpose), count: 0 }
    if (sequence.count === 0) sequences.set(purpose, sequence)
    return place(sequence.start, sequence.count++)
  }

  return {
    /** From 0 up to 1. */
    next,
    chance: (purpose: string, probability: number) => next(purpose) < probability,
    between: (purpose: string, low: number, high: number) => low + next(purpose) * (high - low),
    /** Between two positive numbers, each order of magnitude as likely as any other. */
    magnitude: (purpose: string, low: number, high: number) => low * (high / low) ** next(purpose),
    pick: <Element>(purpose: string, list: readonly Element[]) => list[Math.floor(next(purpose) * list.length)]!,
    shuffle<Element>(purpose: string, list: readonly Element[]) {
      const places = list.map((element) => ({ element, place: next(purpose) }))
      return places.sort((a, b) => a.place - b.place).map(({ element }) => element)
    },
  }
}

/** FNV-1a over the purpose. */
function startOf(seed: number, purpose: string) {
  let bits = 0x811c9dc5 ^ Math.imul(seed + 1, 0x9e3779b1)
  for (let i = 0; i < purpose.length; i++) bits = Math.imul(bits ^ purpose.charCodeAt(i), 0x01000193)
  return bits
}

/** One number of a sequence, by MurmurHash3's finalizer: cheap, and even enough. */
function place(start: number, count: number) {
  let bits = Math.imul(start ^ count, 0x01000193)
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b)
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35)
  return ((bits ^ (bits >>> 16)) >>> 0) / 2 ** 32
}

/** No chance at all: what is likelier happens, everything takes the least time, and the first of a list is picked. */
export function createUsual(chosen: Record<string, unknown>): Draws {
  const numberOf = (purpose: string, other: number) => (chosen[purpose] as number | undefined) ?? other
  return {
    next: () => 0.5,
    chance: (purpose, probability) => (chosen[purpose] as boolean | undefined) ?? probability >= 0.5,
    between: numberOf,
    magnitude: numberOf,
    pick: (purpose, list) => (chosen[purpose] as (typeof list)[number] | undefined) ?? list[0]!,
    shuffle: (_purpose, list) => [...list],
  }
}
