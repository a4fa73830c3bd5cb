import { defineConfig } from 'vitest/config'

/** The unit tests of the functions as mutants meet them: patient, since a mutant that takes long is ended by Stryker. */
export default defineConfig({
  test: {
    include: ['test/unit/*.test.ts', 'test/unit/{hubspot,messages,platform,providers}/**/*.test.ts'],
    testTimeout: 120_000,
  },
})
