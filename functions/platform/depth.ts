/**
 * Cuts off, in place, what is nested deeper than this: no document means anything by that, `JSON.parse` reads it, and
 * `JSON.stringify` does not write it again.
 */
export function cutAtDepth(document: unknown, maxDepth: number) {
  let level = [document].filter(isObject)
  for (let depth = 1; level.length > 0; depth++) {
    if (depth === maxDepth)
      for (const one of level) for (const name of Object.keys(one)) if (isObject(one[name])) one[name] = null
    level = level.flatMap((one) => Object.values(one).filter(isObject))
  }
}

/** Whether something is nested so deep that it cannot be written as JSON again, let alone mean anything. */
export function isDeep(value: unknown, depth = 0): boolean {
  return isObject(value) && (depth > 100 || Object.values(value).some((one) => isDeep(one, depth + 1)))
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
