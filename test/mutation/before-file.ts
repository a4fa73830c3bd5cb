import { inject } from 'vitest'

// Stryker has a mutant begin with a file's first test, and leaves it there: the next file is to load without it.
const stryker = (globalThis as { __stryker__?: { activeMutant?: string | undefined } }).__stryker__
if (stryker && inject('mutantActivation' as never) === 'runtime') stryker.activeMutant = undefined
