import { defineConfig } from 'vitest/config'
import { findChromium } from './test/e2e/chromium.ts'

if (!findChromium())
  console.warn(
    'The browser tests (test/e2e) are left out: there is no Chromium. apt-get install chromium brings it, or set ' +
      'CHROMIUM to the path of any; then npm test runs them.',
  )

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
  },
})
