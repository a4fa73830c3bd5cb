import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { ample } from './infra/local/pace.ts'
import { findChromium } from './test/e2e/chromium.ts'
import LongestFirst from './test/support/longest-first.ts'

if (!findChromium())
  console.warn(
    'The browser tests (test/e2e) are left out: there is no Chromium. apt-get install chromium brings it, or set ' +
      'CHROMIUM to the path of any; then npm test runs them.',
  )

// Only what hangs meets these limits, and a busy machine is not to be taken for that. No test has limits of its own.
const limit = Math.max(300_000, ample(30_000))

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: process.env['CI'] ? ['default', ['json', { outputFile: 'test/report/results.json' }]] : ['default'],
    globalSetup: 'test/support/global-setup.ts',
    setupFiles: 'test/support/setup.ts',
    pool: 'forks',
    // Much of each file is waiting: four of them keep two processors busy. By itself, Vitest would start one.
    maxWorkers: Math.max(4, availableParallelism() - 1),
    isolate: false,
    // Tests that run side by side in a file wait for most of their time.
    maxConcurrency: 8,
    // Node reads TypeScript by itself, in a third of the time.
    experimental: { viteModuleRunner: false },
    sequence: { sequencer: LongestFirst },
    testTimeout: limit,
    hookTimeout: limit,
    expect: { poll: { timeout: limit / 2, interval: 20 } },
  },
})
