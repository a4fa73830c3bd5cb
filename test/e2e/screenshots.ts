import { fileURLToPath } from 'node:url'
import { playExamples } from '../../infra/local/inbox/examples.ts'
import { shortened, startInbox } from '../../infra/local/inbox/inbox.ts'
import { startLocalRelay } from '../../infra/local/local-relay.ts'
import { startBrowser } from './browser.ts'

const views = [
  { name: 'inbox-light', colorScheme: 'light', viewport: { width: 1360, height: 900 } },
  { name: 'inbox-dark', colorScheme: 'dark', viewport: { width: 1360, height: 900 } },
  { name: 'inbox-narrow', colorScheme: 'light', viewport: { width: 390, height: 844 } },
] as const

await using running = new AsyncDisposableStack()
const relay = running.use(await startLocalRelay(shortened))
const inbox = running.adopt(await startInbox(relay), (started) => started.stop())
const browser = running.adopt(await startBrowser(), (started) => started.close())

// The first message finds no Lambda running yet: what is shown is the usual.
const [first] = inbox.providers
await inbox.play(first!.channelAccountId, 'Good morning.', { receipts: [{ status: 'delivered' }, { status: 'read' }] })
await relay.stack.idle({ withinSeconds: 5 })
playExamples({ ...inbox, providers: inbox.providers.filter(({ provider }) => provider === 'whatsapp') })
for (const { name, ...view } of views) {
  const page = await browser.newPage({ ...view, deviceScaleFactor: 1.5, reducedMotion: 'reduce' })
  await page.goto(inbox.url)
  await page.getByRole('radio', { name: 'WhatsApp' }).check({ force: true })
  await page.locator('#agent .READ').waitFor()
  await page.locator('#agent .FAILED').first().waitFor()
  await page.getByRole('button', { name: 'Your technician' }).click()
  await page.getByText('HubSpot was told FAILED').waitFor()
  const path = fileURLToPath(new URL(`../../docs/images/${name}.png`, import.meta.url))
  await page.screenshot({ path, fullPage: true })
  await page.close()
  console.log(path)
}
