/** Waits for all, even if one fails. Throws what the first of those that failed threw. */
export async function allOf(work: unknown[]) {
  for (const result of await Promise.allSettled(work)) if (result.status === 'rejected') throw result.reason
}
