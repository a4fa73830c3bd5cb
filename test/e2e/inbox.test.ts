import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { senders } from '../../functions/providers/senders.ts'
import { type faultLabels, faultNames } from '../../infra/local/inbox/faults.ts'
import { type Inbox, shortened, startInbox } from '../../infra/local/inbox/inbox.ts'
import { type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { ample } from '../../infra/local/pace.ts'
import { playedProviders } from '../../infra/local/providers.ts'
import { startBrowser } from './browser.ts'
import { findChromium } from './chromium.ts'

describe.skipIf(!findChromium())('the inbox page', () => {
  let relay: LocalRelay
  let inbox: Inbox
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    const environment = { ...shortened.environment, UNCONFIRMED_AFTER_SECONDS: '6' }
    const behaviour = { redeliveryDelaysMs: Array<number>(60).fill(500) }
    relay = await startLocalRelay({
      environment,
      behaviour,
      overrides: { visibilityTimeoutSeconds: 5, maxReceiveCount: 5 },
    })
    inbox = await startInbox(relay)
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await inbox?.stop()
    await relay?.stop()
  })

  beforeEach(async () => {
    page = await browser.newPage({ viewport: { width: 1360, height: 1000 } })
    page.setDefaultTimeout(ample(30_000))
    complaints = []
    page.on('pageerror', ({ message }) => complaints.push(message))
    page.on('console', (line) => line.type() === 'error' && complaints.push(line.text()))
    await page.goto(inbox.url)
    await page.getByRole('button', { name: 'Send' }).waitFor()
  })

  afterEach(async () => {
    for (const name of faultNames) await act({ do: 'fault', name, on: false })
    await page.close()
  })

  const act = (what: object) =>
    fetch(`${inbox.url}/act`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(what),
    })
  const agents = (text: string) =>
    page.getByRole('log', { name: 'What the agent sent' }).getByRole('listitem').filter({ hasText: text })
  const customers = (text: string) =>
    page.getByRole('region', { name: 'What the customer got' }).locator('ol > li').filter({ hasText: text })
  const steps = () => page.getByRole('list', { name: 'Steps' })
  const tick = (text: string) => expect.poll(() => agents(text).locator('b').innerText())
  const flip = (group: keyof typeof faultLabels, label: string) =>
    page.getByRole('group', { name: group }).getByRole('switch', { name: label }).click()

  async function send(text: string) {
    await page.getByLabel('Message', { exact: true }).fill(text)
    await page.getByRole('button', { name: 'Send' }).click()
  }

  async function press(text: string, name: string) {
    await customers(text).getByRole('button', { name }).click()
  }

  test('a status that HubSpot refuses becomes a dead letter with its reason, and is sent back', async () => {
    const letters = page.getByRole('region', { name: 'Dead letters' })
    await flip('HubSpot', 'Refuses the status (400)')
    await send('Back from the dead')
    await press('Back from the dead', 'Delivered')
    await letters.getByText('HubSpot refuses the status').waitFor()
    await tick('Back from the dead').toBe('Pending')
    await flip('HubSpot', 'Refuses the status (400)')
    await letters.getByRole('button', { name: 'Redrive' }).click()

    await expect.poll(() => letters.getByRole('listitem').count()).toBe(0)
  })

  test('a message is pending until the customer’s side says something, then sent, then read', async () => {
    await send('Good morning')
    await customers('Good morning').waitFor()

    await tick('Good morning').toBe('Pending')
    await press('Good morning', 'Delivered')
    await tick('Good morning').toBe('Sent')
    await press('Good morning', 'Read')
    await tick('Good morning').toBe('Read')
  })

  test('a message that failed is red, with the reason of the provider', async () => {
    await send('Not to be had')
    await customers('Not to be had').getByText('Fail …').click()
    await press('Not to be had', 'The handset is switched off')

    await tick('Not to be had').toBe('Failed')
    expect(await agents('Not to be had').locator('p').innerText()).toBe('The handset is switched off')
  })

  test('of a customer who stays silent, the agent learns that nothing was confirmed; a late word outranks that', async () => {
    await send('Anybody there')
    await press('Anybody there', 'Stay silent')

    await tick('Anybody there').toBe('Failed')
    expect(await agents('Anybody there').locator('p').innerText()).toContain('did not confirm this message')
    await press('Anybody there', 'Read')
    await tick('Anybody there').toBe('Read')
  })

  test('a message that the provider refuses reaches nobody, and the agent reads why', async () => {
    await page.getByLabel('A new message is').selectOption({ label: 'answered: The customer has opted out' })
    await send('An offer')
    await tick('An offer').toBe('Failed')
    await page.getByLabel('A new message is').selectOption({ label: 'taken' })

    expect(await agents('An offer').locator('p').innerText()).toBe('The customer has opted out')
    expect(await customers('An offer').count()).toBe(0)
  })

  // Of each, what the journey says while it lasts.
  test.each([
    ['Slow, 3 s for each answer', undefined],
    ['Rate limit reached (429)', 'PATCH SENT → 429'],
    ['Server errors (500)', 'PATCH SENT → 500'],
    ['Message not there at first (404)', 'PATCH SENT → 404'],
    ['Down', 'Waits: HubSpot cannot take it now'],
  ])('HubSpot – %s: the tick becomes true all the same', async (label, sight) => {
    const text = `While HubSpot has this: ${label}`
    await flip('HubSpot', label)
    await send(text)
    await press(text, 'Delivered')
    if (sight) {
      await steps().getByText(sight).first().waitFor()
      await flip('HubSpot', label)
    }

    await tick(text).toBe('Sent')
  })

  test.each(['Down', 'Slow, 3 s for each answer', 'Takes it, its answer is lost'])(
    'provider – %s: the customer gets the message once, and the tick becomes true',
    async (label) => {
      const text = `While the provider has this: ${label}`
      await flip('Provider', label)
      await send(text)
      if (label === 'Down') {
        await steps().getByText('Waits: The endpoint gave no answer').first().waitFor()
        await flip('Provider', label)
      }
      await press(text, 'Read')

      await tick(text).toBe('Read')
      expect(await customers(text).innerText()).not.toContain('times')
    },
  )

  test.each(playedProviders)('over $name, the page offers what can be known, and that becomes true', async (played) => {
    const { provider, name, never } = played
    const { truth } = senders[provider]
    const isReadKnown = truth.read && never !== 'read'
    const text = `Hello over ${name}`
    await page.getByRole('radio', { name }).check({ force: true })
    await send(text)
    await customers(text).waitFor()

    const offers = (button: string) => customers(text).getByRole('button', { name: button }).count()
    expect([await offers('Delivered'), await offers('Read')]).toEqual([Number(truth.delivered), Number(isReadKnown)])
    if (isReadKnown) await press(text, 'Read')
    else if (truth.delivered) await press(text, 'Delivered')
    await tick(text).toBe(isReadKnown ? 'Read' : 'Sent')
  })

  test('WhatsApp’s own error becomes a sentence that the agent understands, with its code', async () => {
    await page.getByRole('radio', { name: 'WhatsApp' }).check({ force: true })
    await send('Are you still there')
    await customers('Are you still there').getByText('Fail …').click()
    await press('Are you still there', 'Re-engagement message')

    await tick('Are you still there').toBe('Failed')
    const reason = await agents('Are you still there').locator('p').innerText()
    expect(reason).toMatch(/More than 24 hours have passed since the customer last wrote.*\(131047\)/)
  })

  test('receipts three times and in the wrong order, messages twice: what was read stays read, and came once', async () => {
    await flip('Provider', 'Receipts come three times')
    await flip('Provider', 'Receipts come in the wrong order')
    await flip('SQS', 'Every message comes twice')
    await send('Over and over')
    await press('Over and over', 'Read')
    await tick('Over and over').toBe('Read')
    await steps().getByText('“sent” is nothing new').first().waitFor()

    await tick('Over and over').toBe('Read')
    expect(await customers('Over and over').innerText()).not.toContain('times')
  })

  test('Lambdas killed at work: the message arrives once, and its tick becomes true', async () => {
    await flip('Provider', 'Slow, 3 s for each answer')
    await send('Through thick and thin')
    await steps().getByText('Queued for delivery').waitFor()
    await page.getByRole('button', { name: 'Kill the Lambdas now' }).click()
    await page
      .getByRole('status')
      .getByText(/Killed \d+ Lambda processes/)
      .waitFor()
    await flip('Provider', 'Slow, 3 s for each answer')
    await press('Through thick and thin', 'Read')

    await tick('Through thick and thin').toBe('Read')
    expect(await customers('Through thick and thin').innerText()).not.toContain('times')
  })

  test('a forged webhook is refused, and nobody gets a message', async () => {
    await page.getByRole('button', { name: 'Forge a webhook' }).click()

    await page.getByRole('status').getByText('answered 401').waitFor()
    expect(await customers('Not from an agent').count()).toBe(0)
  })

  test('the journey has each place with its time, the raw event and PATCH, and the ledger', async () => {
    await send('Step by step')
    await press('Step by step', 'Read')
    await tick('Step by step').toBe('Read')

    const told = steps().getByRole('listitem').filter({ hasText: 'PATCH READ → 200' })
    await told.getByText('Raw').click()
    expect(await told.locator('pre').innerText()).toContain('"statusType": "READ"')
    const webhook = steps().getByRole('listitem').filter({ hasText: 'HubSpot’s webhook → 204' })
    await webhook.getByText('Raw').click()
    expect(await webhook.locator('pre').innerText()).toContain('OUTGOING_CHANNEL_MESSAGE_CREATED')
    expect(await webhook.locator('time').innerText()).toMatch(/^\+\d+(\.\d\d)? s$/)
    await page.getByText('What the ledger holds of it').click()
    await page.getByText('"known": "read"').waitFor()
    for (const place of ['deliveries', 'deliver-message', 'provider-receipt', 'status-updates', 'update-status'])
      expect(await steps().getByText(place, { exact: true }).count()).toBeGreaterThan(0)
  })

  test('what an agent sees is counted, and how soon', async () => {
    const figure = (name: string) => page.locator('#figures div').filter({ hasText: name }).locator('dd').innerText()
    await send('The first of two')
    await press('The first of two', 'Read')
    await tick('The first of two').toBe('Read')
    const before = Number(await figure('Read'))
    await send('The second of two')
    await press('The second of two', 'Read')

    await expect.poll(() => figure('Read')).toBe(String(before + 1))
    expect(await figure('p50')).toMatch(/ s$/)
  })

  test('all of it by the keyboard: write, read, look at the journey', async () => {
    await page.getByLabel('Message', { exact: true }).focus()
    await page.keyboard.type('Without a mouse')
    await page.keyboard.press('Enter')
    await customers('Without a mouse').getByRole('button', { name: 'Read' }).focus()
    await page.keyboard.press('Enter')
    await tick('Without a mouse').toBe('Read')
    await agents('Without a mouse').getByRole('button').focus()
    await page.keyboard.press('Space')

    await page.getByText('“Without a mouse”').waitFor()
    expect(await agents('Without a mouse').getByRole('button').getAttribute('aria-pressed')).toBe('true')
  })

  test('what changes elsewhere takes the focus from nobody', async () => {
    await send('Hold still')
    await customers('Hold still').getByRole('button', { name: 'Delivered' }).waitFor()
    await agents('Hold still').getByRole('button').focus()
    const { id } = [...relay.hubspot.messages.values()].at(-1)!
    await act({ do: 'report', messageId: id, status: 'read' })
    await tick('Hold still').toBe('Read')

    expect(await page.evaluate('document.activeElement.textContent')).toContain('Hold still')
  })

  test.each([
    ['light', 1360],
    ['dark', 1360],
    ['light', 390],
    ['dark', 390],
  ] as const)(
    '%s, %i pixels wide: axe finds no barrier, and nothing is wider than the page',
    async (colorScheme, width) => {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      await send(`Plain to see, ${colorScheme} ${width}`)
      await customers(`Plain to see, ${colorScheme} ${width}`).getByText('Fail …').click()
      await steps().getByText('Raw').first().click()

      await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8'))
      const { violations } = (await page.evaluate('axe.run()')) as AxeResults
      expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
    },
  )

  test('the page asks nobody else for anything, and breaks none of its own rules', async () => {
    const asked: string[] = []
    page.on('request', (request) => asked.push(new URL(request.url()).origin))
    await page.reload()
    await page.getByRole('button', { name: 'Send' }).waitFor()

    expect(new Set(asked)).toEqual(new Set([inbox.url]))
    expect(complaints).toEqual([])
  })

  test('foreign pages can do nothing: neither by another name of this machine, nor by a form', async () => {
    const asForm = await fetch(`${inbox.url}/act`, { method: 'POST', body: '{"do":"kill"}' })
    const asNonsense = await act({ do: 'kill', all: true })

    const asForeigner = await new Promise((resolve, reject) => {
      get(`${inbox.url}/events`, { headers: { host: 'rebound.example' } }, ({ statusCode }) => resolve(statusCode)).on(
        'error',
        reject,
      )
    })

    expect(asForeigner).toBe(421)
    expect(asForm.status).toBe(415)
    expect(asNonsense.status).toBe(400)
  })

  // A late effect of the try that was refused must not undo this one: it waits for a minute, while all the others ran.
  test('the status that was sent back is told', async () => {
    await tick('Back from the dead').toBe('Sent')
  })
})
