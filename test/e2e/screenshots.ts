import { fileURLToPath } from 'node:url'
import { playExamples } from '../../infra/local/inbox/examples.ts'
import { shortened, silenceSeconds, startInbox } from '../../infra/local/inbox/inbox.ts'
import { startLocalRelay } from '../../infra/local/local-relay.ts'
import { startBrowser } from './browser.ts'

const views = [
  { name: 'inbox-light', colorScheme: 'light', viewport: { width: 1360, height: 1000 } },
  { name: 'inbox-dark', colorScheme: 'dark', viewport: { width: 1360, height: 1000 } },
  { name: 'inbox-narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const

await using relay = await startLocalRelay(shortened)
const inbox = await startInbox(relay, { silenceSeconds })
const browser = await startBrowser()
try {
  playExamples(inbox)
  for (const { name, ...view } of views) {
    const page = await browser.newPage({ ...view, deviceScaleFactor: 2, reducedMotion: 'reduce' })
    await page.goto(inbox.url)
    await page.locator('#agent .READ').waitFor({ timeout: 30_000 })
    await page.locator('#agent .FAILED').waitFor({ timeout: 30_000 })
    await page.getByRole('button', { name: 'Your parcel' }).click()
    await page.locator('#steps').getByText('HubSpot was told READ').waitFor()
    const path = fileURLToPath(new URL(`../../docs/images/${name}.png`, import.meta.url))
    await page.screenshot({ path, fullPage: name === 'inbox-narrow' })
    await page.close()
    console.log(path)
  }
} finally {
  await browser.close()
  await inbox.stop()
}
