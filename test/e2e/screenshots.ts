import { fileURLToPath } from 'node:url'
import { playExamples } from '../../infra/local/inbox/examples.ts'
import { shortened, startInbox } from '../../infra/local/inbox/inbox.ts'
import { startLocalRelay } from '../../infra/local/local-relay.ts'
import { startBrowser } from './browser.ts'

const desk = { width: 1280, height: 800 }
const phone = { width: 390, height: 844 }
const views = [
  { name: 'inbox-light', colorScheme: 'light', viewport: desk, tab: 'inbox' },
  { name: 'inbox-dark', colorScheme: 'dark', viewport: desk, tab: 'inbox' },
  { name: 'inbox-narrow-light', colorScheme: 'light', viewport: phone, tab: 'inbox' },
  { name: 'inbox-narrow-dark', colorScheme: 'dark', viewport: phone, tab: 'journey' },
] as const

await using running = new AsyncDisposableStack()
const relay = running.use(await startLocalRelay(shortened))
const inbox = running.adopt(await startInbox(relay), (started) => started.stop())
const browser = running.adopt(await startBrowser(), (started) => started.close())
const folder = new URL(`${process.argv[2] ?? '../../docs/images'}/`, import.meta.url)

// The first message finds no Lambda running yet: what is shown is the usual.
const [first] = inbox.providers
await inbox.play(first!.channelAccountId, 'Good morning.', { receipts: [{ status: 'delivered' }, { status: 'read' }] })
await relay.stack.idle({ withinSeconds: 5 })
playExamples({ ...inbox, providers: inbox.providers.filter(({ provider }) => provider === 'whatsapp') })
for (const { name, tab, ...view } of views) {
  const page = await browser.newPage({ ...view, deviceScaleFactor: 1.5, reducedMotion: 'reduce' })
  await page.goto(inbox.url)
  await page.getByRole('radio', { name: 'WhatsApp' }).check({ force: true })
  await page.locator('#agent .message.READ').waitFor()
  await page.locator('#agent .message.FAILED').first().waitFor()
  await page.getByRole('button', { name: 'Your technician' }).click()
  await page.getByText('HubSpot was told FAILED').waitFor({ state: 'attached' })
  if (view.viewport === phone) await page.locator(`#tabs [data-tab="${tab}"]`).click()
  const path = fileURLToPath(new URL(`${name}.png`, folder))
  await page.screenshot({ path })
  await page.close()
  console.log(path)
}
