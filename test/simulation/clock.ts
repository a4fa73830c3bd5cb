/** A clock that jumps from event to event. */
export type Clock = ReturnType<typeof createClock>

/** Virtual time, in milliseconds since 1970. Events at the same time happen in the order in which they were planned. */
export function createClock(start: number) {
  const planned: { time: number; happen(): void }[] = []
  let time = start

  function at(when: number, happen: () => void) {
    const event = { time: Math.max(time, Math.ceil(when)), happen }
    let place = planned.length
    while (place > 0 && planned[place - 1]!.time <= event.time) place--
    // The next event is the last in the list, where it costs nothing to take it away.
    planned.splice(place, 0, event)
  }

  return {
    now: () => time,
    at,
    after: (milliseconds: number, happen: () => void) => at(time + milliseconds, happen),
    /** Lets time pass until nothing is planned any more, or until a time. */
    async pass(until: number) {
      for (let event = planned.at(-1); event && event.time <= until; event = planned.at(-1)) {
        planned.pop()
        time = event.time
        event.happen()
        // All promises that this event settled, and what follows from them, come before the next event.
        await new Promise<void>((resolve) => setImmediate(resolve))
      }
      return planned.length === 0
    },
  }
}
