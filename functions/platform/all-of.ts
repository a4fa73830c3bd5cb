/** Waits for all, even if one fails. Throws what the first of those that failed threw. */
export async function allOf(work: unknown[]) {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason
}

/** The same for each of many, so many at once as there are connections: with more, most would wait for one until their time is over. */
export async function allOfEach<Item>(items: Item[], work: (item: Item) => Promise<unknown>) {
  const failures: unknown[] = []
  for (let from = 0; from < items.length; from += atOnce)
    await allOf(items.slice(from, from + atOnce).map(work)).catch((error: unknown) => failures.push(error))
  if (failures.length > 0) throw failures[0]
}

const atOnce = 50
