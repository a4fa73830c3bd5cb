import { defineConfig } from 'vitest/config'
import LikeliestFirst from './likeliest-first.ts'
import { endWarmPool, warmPool } from './warm-pool.ts'

/**
 * The unit tests of the functions as mutants meet them: patient, since a mutant that takes long is ended by Stryker. Those
 * that read the source, or what is made of it, would read Stryker's.
 */
export default defineConfig({
  plugins: [
    {
      name: 'warm-pool',
      configureVitest({ vitest, project }) {
        // Stryker names a pool of Vitest's own.
        Object.assign(project.config, { pool: warmPool.name, poolRunner: warmPool })
        vitest.onClose(endWarmPool)
      },
    },
  ],
  test: {
    include: process.env['MUTATION_TESTS']?.split(',') ?? [
      'test/unit/*.test.ts',
      'test/unit/{hubspot,messages,platform,providers}/**/*.test.ts',
    ],
    exclude: ['test/unit/{architecture,contract,readme-snippets,version}.test.ts'],
    setupFiles: 'test/mutation/before-file.ts',
    isolate: false,
    experimental: { viteModuleRunner: false },
    sequence: { sequencer: LikeliestFirst },
    testTimeout: 300_000,
  },
})
