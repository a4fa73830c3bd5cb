import { type Browser, chromium } from 'playwright-core'
import { findChromium } from './chromium.ts'

/** Starts Chromium without a window. Throws where there is none. */
export function startBrowser(): Promise<Browser> {
  const executablePath = findChromium()
  if (!executablePath)
    throw new Error('There is no Chromium. apt-get install chromium brings it, or CHROMIUM names it.')
  // Chromium's own sandbox does not work for root, nor in most containers; it is shown nothing but our page.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
}
