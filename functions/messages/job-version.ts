import * as z from 'zod'

/**
 * The version of the bodies on the queues. Raise it when older code could not read them, or would lose by it: such bodies
 * stay queued for newer code. Those of the version before are read, too. What else a release must observe: docs/upgrades.md.
 */
export const version = 1

/** What a body's `v` may be. What was read is as this version writes it: a field that changes has to be read both ways. */
export const Version = z
  .int()
  .min(Math.max(1, version - 1))
  .max(version)
  .transform(() => version)
