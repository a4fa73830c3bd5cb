/** A clock that jumps from event to event. */
export type Clock = ReturnType<typeof createClock>

type Event = { time: number; place: number; happen(): void }

/** Virtual time, in milliseconds since 1970. Events at the same time happen in the order in which they were planned. */
export function createClock(start: number) {
  const planned = createHeap<Event>((a, b) => a.time - b.time || a.place - b.place)
  let count = 0
  let time = start

  function at(when: number, happen: () => void) {
    planned.add({ time: Math.max(time, Math.ceil(when)), place: count++, happen })
  }

  return {
    now: () => time,
    at,
    after: (milliseconds: number, happen: () => void) => at(time + milliseconds, happen),
    /** Lets time pass until nothing is planned any more, or until a time. */
    async pass(until: number) {
      for (let event = planned.first(); event && event.time <= until; event = planned.first()) {
        planned.takeFirst()
        time = event.time
        event.happen()
        await everythingSettled()
      }
      return planned.first() === undefined
    },
  }
}

/**
 * All promises that an event settled, and what follows from them, come before the next event: Node comes to its next tick
 * when no such work is left. An immediate would wait for the network as well, of which a world has none.
 */
const everythingSettled = () => new Promise<void>((resolve) => process.nextTick(resolve))

/** A binary heap: the first of its elements is at hand, however many there are. */
function createHeap<Element>(compare: (a: Element, b: Element) => number) {
  const elements: Element[] = []
  const isBefore = (a: number, b: number) => compare(elements[a]!, elements[b]!) < 0

  function swap(a: number, b: number) {
    const element = elements[a]!
    elements[a] = elements[b]!
    elements[b] = element
  }

  return {
    first: (): Element | undefined => elements[0],
    add(element: Element) {
      let place = elements.push(element) - 1
      for (let above = (place - 1) >> 1; place > 0 && isBefore(place, above); above = (place - 1) >> 1) {
        swap(place, above)
        place = above
      }
    },
    takeFirst() {
      swap(0, elements.length - 1)
      elements.pop()
      for (let place = 0; ; ) {
        const [left, right] = [2 * place + 1, 2 * place + 2]
        const lower = right < elements.length && isBefore(right, left) ? right : left
        if (lower >= elements.length || !isBefore(lower, place)) return
        swap(place, lower)
        place = lower
      }
    },
  }
}
