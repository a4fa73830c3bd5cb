import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { createRequire } from 'node:module'
import { promisify } from 'node:util'
import { PurgeQueueCommand, SendMessageCommand } from '@aws-sdk/client-sqs'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { senders } from '../../functions/providers/senders.ts'
import { type faultLabels, faultNames } from '../../infra/local/inbox/faults.ts'
import { type Inbox, shortened, startInbox } from '../../infra/local/inbox/inbox.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { ample } from '../../infra/local/pace.ts'
import { playedProviders } from '../../infra/local/providers/all.ts'
import { startBrowser } from './browser.ts'
import { findChromium } from './chromium.ts'

describe.skipIf(!findChromium())('the inbox page', () => {
  let relay: LocalRelay
  let inbox: Inbox
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    const environment = {
      ...shortened.environment,
      UNCONFIRMED_AFTER_SECONDS: '6',
    }
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
    page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
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
  const open = async (button: RegExp) => {
    const opener = page.getByRole('button', { name: button })
    if ((await opener.getAttribute('aria-expanded')) === 'false') await opener.click()
  }
  async function flip(group: keyof typeof faultLabels, label: string) {
    await open(/^Break something/)
    await page.getByRole('group', { name: group }).getByRole('switch', { name: label, exact: true }).click()
    await page.keyboard.press('Escape')
  }

  async function send(text: string) {
    await page.getByLabel('Message', { exact: true }).fill(text)
    await page.getByRole('button', { name: 'Send' }).click()
  }

  async function press(text: string, name: string) {
    await customers(text).getByRole('button', { name }).click()
  }

  test('a status that HubSpot refuses becomes a dead letter with its reason, and is sent back', async () => {
    const letters = page.getByRole('region', { name: 'Dead letters' })
    await flip('HubSpot', 'Refuses the status')
    await send('Back from the dead')
    await press('Back from the dead', 'Delivered')
    await open(/^Dead letters/)
    await letters.getByText('HubSpot rejects the status').waitFor()
    expect(await agents('Back from the dead').innerText()).toContain('no word yet')
    await flip('HubSpot', 'Refuses the status')
    await open(/^Dead letters/)
    await letters.getByRole('button', { name: 'Redrive' }).click()

    await expect.poll(() => letters.getByRole('listitem').count()).toBe(0)
  })

  test('beside what HubSpot shows alone stands what it shows with the relay: no word yet, then sent, then read', async () => {
    await send('Good morning')
    await customers('Good morning').waitFor()

    await tick('Good morning').toBe('Sent')
    expect(await agents('Good morning').innerText()).toContain('no word yet')
    await press('Good morning', 'Delivered')
    await agents('Good morning').getByText('no word yet').waitFor({ state: 'detached' })
    await tick('Good morning').toBe('Sent')
    await press('Good morning', 'Read')
    await tick('Good morning').toBe('Read')
    expect(await agents('Good morning').locator('.alone').innerText()).toMatch(/^HubSpot alone\s+Sent$/)
  })

  test('a message that failed is red, with the reason of the provider', async () => {
    await send('Not to be had')
    await customers('Not to be had').getByText('Fail …').click()
    await press('Not to be had', 'The handset is switched off')

    await tick('Not to be had').toBe('Failed')
    expect(await agents('Not to be had').locator('p').innerText()).toBe('The handset is switched off')
    expect(await agents('Not to be had').locator('s').innerText()).toBe('Sent')
  })

  test('the headline counts the messages that HubSpot alone would show as sent, wrongly', async () => {
    const count = async () => Number(/^(\d+) of \d+ would/.exec(await page.locator('#headline').innerText())?.[1])
    const before = await count()
    await send('One more lie')
    await customers('One more lie').getByText('Fail …').click()
    await press('One more lie', 'The handset is switched off')

    await expect.poll(count).toBe(before + 1)
  })

  test('of a customer who stays silent, the agent sees SENT, since the provider took it; a late word outranks that', async () => {
    await send('Anybody there')
    await press('Anybody there', 'Stay silent')

    await tick('Anybody there').toBe('Sent')
    await press('Anybody there', 'Read')
    await tick('Anybody there').toBe('Read')
  })

  test('a message that the provider refuses reaches nobody, and the agent reads why', async () => {
    await page.getByLabel('A new message is').selectOption({ label: 'refused: The customer has opted out' })
    await send('An offer')
    await tick('An offer').toBe('Failed')
    await page.getByLabel('A new message is').selectOption({ label: 'taken' })

    expect(await agents('An offer').locator('p').innerText()).toBe('The customer has opted out')
    expect(await customers('An offer').count()).toBe(0)
  })

  // Of each, what the journey says while it lasts.
  test.each([
    ['Slow', undefined],
    ['Rate limit reached', 'PATCH SENT → 429'],
    ['Server errors', 'PATCH SENT → 500'],
    ['Message not there at first', 'PATCH SENT → 404'],
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

    await agents(text).getByText('no word yet').waitFor({ state: 'detached' })
    await tick(text).toBe('Sent')
  })

  test.each(['Down', 'Slow', 'Its answer is lost'])(
    'provider – %s: the customer gets the message once, and the tick becomes true',
    async (label) => {
      const text = `While the provider has this: ${label}`
      await flip('Provider', label)
      await send(text)
      if (label === 'Down') {
        await steps().getByText('Waits: The messaging service gave no answer').first().waitFor()
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
    await agents(text).getByText('no word yet').waitFor({ state: 'detached' })
    await tick(text).toBe(isReadKnown ? 'Read' : 'Sent')
  })

  test('WhatsApp’s own error becomes a sentence that the agent understands, with its code', async () => {
    await page.getByRole('radio', { name: 'WhatsApp' }).check({ force: true })
    await send('Are you still there')
    await customers('Are you still there').getByText('Fail …').click()
    await press('Are you still there', 'More than 24 hours have passed')

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
    await flip('Provider', 'Slow')
    await send('Through thick and thin')
    await steps().getByText('Queued for delivery').waitFor()
    await open(/^Break something/)
    await page.getByRole('button', { name: 'Kill the Lambdas now' }).click()
    await page.keyboard.press('Escape')
    await page
      .getByRole('status')
      .getByText(/Killed \d+ Lambda processes/)
      .waitFor()
    await flip('Provider', 'Slow')
    await press('Through thick and thin', 'Read')

    await tick('Through thick and thin').toBe('Read')
    expect(await customers('Through thick and thin').innerText()).not.toContain('times')
  })

  test('a forged webhook is refused, and nobody gets a message', async () => {
    await open(/^Break something/)
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

  test('how soon the relay tells what it learns is measured', async () => {
    const figure = (name: string) => page.locator('#figures div').filter({ hasText: name }).locator('dd').innerText()
    await send('Against the clock')
    await press('Against the clock', 'Read')
    await tick('Against the clock').toBe('Read')

    await expect.poll(() => figure('p50')).toMatch(/ s$/)
  })

  test('a fault is seen where it sits, and one button fixes everything', async () => {
    await flip('HubSpot', 'Server errors')
    await flip('SQS', 'Every message comes twice')

    const station = (name: string) => page.locator('#stations > li').filter({ hasText: name })
    await station('status').filter({ hasText: 'HubSpot' }).getByText('500').waitFor()
    await station('deliveries').getByText('2 ×').waitFor()
    await page.getByRole('button', { name: 'Break something (2 on)' }).click()
    await page.getByRole('button', { name: 'Fix everything' }).click()
    await page.getByRole('button', { name: 'Break something', exact: true }).waitFor()
    expect(await page.locator('#stations .fault').count()).toBe(0)
  })

  test('the pipeline shows how many messages wait in each queue', async () => {
    const station = page.locator('#stations > li').filter({ hasText: 'deliveries' })
    const waiting = async () => Number(/^(\d+) waiting$/.exec(await station.locator('.depth').innerText())?.[1])
    const before = await waiting()
    await flip('Provider', 'Down')
    await send('In the queue')

    await expect.poll(waiting).toBeGreaterThan(before)
    await flip('Provider', 'Down')
    await customers('In the queue').waitFor()
    await expect.poll(waiting).toBeLessThanOrEqual(before)
  })

  test('everything is above the fold at 1280 by 800: the pipeline, both sides, the journey, nine stations in a row', async () => {
    await send('All in one screen')
    await press('All in one screen', 'Read')
    await tick('All in one screen').toBe('Read')

    const tops = await page.evaluate('[...document.querySelectorAll("#stations > li")].map((item) => item.offsetTop)')
    expect(new Set(tops as number[]).size).toBe(1)
    for (const part of ['#pipeline', '#composer', '#phone', '#steps', '#journey']) {
      const box = await page.locator(part).boundingBox()
      expect(box!.y).toBeLessThan(800)
    }
    expect(await page.evaluate('document.documentElement.scrollHeight')).toBe(800)
  })

  test('a request of the journey, copied as curl, can be made again', async () => {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await send('Once more by hand')
    await customers('Once more by hand').waitFor()
    const webhook = steps().getByRole('listitem').filter({ hasText: 'HubSpot’s webhook → 204' })
    await webhook.getByText('Raw').click()
    await webhook.getByRole('button', { name: 'Copy as curl' }).click()
    await webhook.getByRole('button', { name: 'Copied' }).waitFor()

    const command = (await page.evaluate('navigator.clipboard.readText()')) as string
    const { stdout: answered } = await promisify(execFile)('sh', ['-c', `${command} -s -o /dev/null -w '%{http_code}'`])
    expect(answered).toBe('204')
    expect(command).toContain('OUTGOING_CHANNEL_MESSAGE_CREATED')
  })

  test('a message in doubt counts down before it is called unconfirmed', async () => {
    // Your own service would recognise a repetition; Telegram would not.
    await page.getByRole('radio', { name: 'Telegram' }).check({ force: true })
    await flip('Provider', 'Its answer is lost')
    await send('Did you get that')

    await agents('Did you get that')
      .getByText(/in doubt, unconfirmed in \d+ s/)
      .waitFor()
    await flip('Provider', 'Its answer is lost')
    await tick('Did you get that').toBe('Failed')
  })

  test('the page stays where one was: channel, message and faults are in its address', async () => {
    await page.getByRole('radio', { name: 'Twilio SMS' }).check({ force: true })
    await send('To be found again')
    await agents('To be found again').waitFor()
    await send('And a later one')
    await agents('To be found again').getByRole('button').click()
    await flip('HubSpot', 'Slow')
    await expect.poll(() => page.url()).toContain('faults=hubspot-slow')
    await page.reload()

    await agents('To be found again').waitFor()
    await expect.poll(() => agents('To be found again').getByRole('button').getAttribute('aria-pressed')).toBe('true')
    expect(await page.getByRole('radio', { name: 'Twilio SMS' }).isChecked()).toBe(true)
    await page.getByRole('button', { name: 'Break something (1 on)' }).waitFor()
    await act({ do: 'reset' })
    await page.reload()
    await page.getByRole('button', { name: 'Break something (1 on)' }).waitFor()
  })

  test('a filter that nothing matches says so, and hides nothing that is sent', async () => {
    const filter = page.getByRole('searchbox', { name: 'Filter messages' })
    await filter.fill('words that nobody wrote')
    await page.getByText('No message matches the filter.').waitFor()
    await send('Seen at once')

    await agents('Seen at once').waitFor()
    expect(await filter.inputValue()).toBe('')
    expect(await page.getByText('No message matches the filter.').isVisible()).toBe(false)
  })

  test('what could not be sent keeps its text', async () => {
    await page.route('**/act', (route) => route.abort())
    await send('Worth keeping')

    await page.getByRole('status').getByText('That did not work').waitFor()
    expect(await page.getByLabel('Message', { exact: true }).inputValue()).toBe('Worth keeping')
    complaints = []
  })

  test('what is being written outlives a reload, until it is sent', async () => {
    const composer = page.getByLabel('Message', { exact: true })
    await composer.fill('Half a sentence')
    await page.reload()
    await page.getByRole('button', { name: 'Send' }).waitFor()
    expect(await composer.inputValue()).toBe('Half a sentence')

    await page.getByRole('button', { name: 'Send' }).click()
    await agents('Half a sentence').waitFor()
    await expect.poll(() => composer.inputValue()).toBe('')
    await page.reload()
    await page.getByRole('button', { name: 'Send' }).waitFor()
    expect(await composer.inputValue()).toBe('')
  })

  test('a text keeps its lines, and is read in its own direction', async () => {
    await page.getByRole('radio').first().check({ force: true })
    const channelAccountId = await page.getByRole('radio').first().inputValue()
    await act({ do: 'send', channelAccountId, text: 'שלום, עולם!\n(2 שורות)' })

    for (const side of [agents, customers]) {
      const text = side('שלום').locator('.text')
      await text.waitFor()
      expect(await text.innerText()).toBe('שלום, עולם!\n(2 שורות)')
    }
    await page.getByLabel('Message', { exact: true }).fill('שלום')
    const hebrew =
      '[...document.querySelectorAll(".text, #text")].filter((one) => /שלום/.test(one.value ?? one.innerText))'
    const directions = await page.evaluate(`${hebrew}.map((one) => getComputedStyle(one).direction)`)
    expect(directions).toEqual(['rtl', 'rtl', 'rtl'])
  })

  test('the chosen channel is told apart in the high contrast that a reader has chosen, too', async () => {
    await page.emulateMedia({ forcedColors: 'active' })
    const backgrounds = await page.evaluate(
      '[...document.querySelectorAll("#channels span")].map((one) => getComputedStyle(one).backgroundColor)',
    )

    expect(new Set(backgrounds as string[]).size).toBe(2)
  })

  test('the focus stays beside what was pressed, also where that is gone', async () => {
    await send('Where was I')
    await customers('Where was I').getByRole('button', { name: 'Delivered' }).focus()
    await page.keyboard.press('Enter')
    await customers('Where was I').getByRole('button', { name: 'Delivered' }).waitFor({ state: 'detached' })

    expect(await page.evaluate('document.activeElement.closest("li")?.textContent')).toContain('Where was I')
  })

  test('the choices of a failure open in view', async () => {
    for (const count of [1, 2, 3, 4]) await send(`Filling the screen, ${count}`)
    await customers('Filling the screen, 4').getByText('Fail …').click()

    const thread = await page.getByRole('region', { name: 'What the customer got' }).boundingBox()
    const choices = await customers('Filling the screen, 4').locator('.menu').boundingBox()
    expect(choices!.y + choices!.height).toBeLessThanOrEqual(thread!.y + thread!.height + 1)
  })

  test('nothing scrolls away under the reader; newer messages are one press away', async () => {
    for (let count = 1; count <= 8; count++) await send(`Line by line, ${count}`)
    await agents('Line by line, 8').waitFor()
    const box = 'document.querySelector("#agent .thread")'
    await page.evaluate(`${box}.scrollTop = 0`)
    await act({ do: 'send', channelAccountId: playedProviders[0]!.channelAccountId, text: 'Line by line, 9' })
    await agents('Line by line, 9').waitFor({ state: 'attached' })

    expect(await page.evaluate(`${box}.scrollTop`)).toBe(0)
    await page.getByRole('button', { name: 'Newer messages' }).click()
    const below = `${box}.scrollHeight - ${box}.scrollTop - ${box}.clientHeight`
    await expect.poll(() => page.evaluate(below)).toBeLessThan(40)
  })

  test('two hundred messages and a hundred dead letters are all there, found by a filter', async () => {
    const { sqs, outputs } = relay.stack
    const letter = (index: number) => ({
      deadLetter: { reason: `Number ${index}`, attempts: 1, since: now, at: now },
      job: {},
    })
    const now = new Date().toISOString()
    for (let index = 0; index < 100; index++)
      await sqs.send(
        new SendMessageCommand({
          QueueUrl: outputs['StatusUpdatesDeadLettersUrl'],
          MessageBody: JSON.stringify(letter(index)),
        }),
      )
    // HubSpot knows them; nobody needs to deliver them.
    const channelAccountId = playedProviders[4]!.channelAccountId
    for (let index = 0; index < 200; index++)
      await relay.hubspot.sendMessage({ ...ids, channelAccountId, text: `Number ${index} of two hundred`, times: 0 })
    await page.getByRole('radio', { name: 'LINE' }).check({ force: true })

    await expect.poll(() => page.locator('#agent .message').count()).toBeGreaterThanOrEqual(200)
    await page.getByLabel('Filter messages').fill('Number 57 of')
    await expect.poll(() => page.locator('#agent .message').count()).toBe(1)
    await page.getByRole('button', { name: 'Dead letters (100)' }).click()
    await page.getByLabel('Filter dead letters').fill('Number 42')
    await expect.poll(() => page.locator('#letters li').count()).toBe(1)
    await sqs.send(new PurgeQueueCommand({ QueueUrl: outputs['StatusUpdatesDeadLettersUrl'] }))
  })

  test('a newcomer is led through a first minute, until it is dismissed for good', async () => {
    const guide = page.getByRole('region', { name: 'A first minute' })
    await send('My first message')
    await guide.getByText('✓ Send').waitFor()
    await customers('My first message').getByText('Fail …').click()
    await press('My first message', 'The handset is switched off')
    await guide.getByText('✓ Let it fail').waitFor()
    await flip('HubSpot', 'Server errors')
    await guide.getByText('✓ Break HubSpot').waitFor()
    await guide.getByRole('button', { name: 'Got it' }).click()
    await page.reload()

    await page.getByRole('button', { name: 'Send' }).waitFor()
    expect(await guide.count()).toBe(0)
  })

  test('a phone shows one part at a time, with the composer always at hand', async () => {
    await page.setViewportSize({ width: 390, height: 844 })
    await send('In a pocket')
    const tab = (name: string) => page.getByRole('navigation', { name: 'View' }).getByRole('button', { name }).click()
    await tab('Phone')
    await press('In a pocket', 'Read')
    await tab('Journey')
    await steps().getByText('HubSpot was told READ').waitFor()
    await tab('Break')
    await page.getByRole('switch', { name: 'Server errors' }).waitFor()
    await tab('Inbox')

    await tick('In a pocket').toBe('Read')
    const composer = await page.locator('#composer').boundingBox()
    expect(composer!.y + composer!.height).toBe(844)
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

    await page.locator('#journey').getByText('“Without a mouse”').waitFor()
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
    ['light', 1280],
    ['dark', 1280],
    ['light', 390],
    ['dark', 390],
  ] as const)(
    '%s, %i pixels wide: axe finds no barrier, and nothing is wider than the page',
    async (colorScheme, width) => {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
      // What began to move before, for a message of the test before, would change the colours.
      await page.reload()
      await page.getByRole('button', { name: 'Send' }).waitFor()
      await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8'))
      const text = `Plain to see, ${colorScheme} ${width}`
      const isPhone = width < 720
      const tab = async (name: string) => isPhone && page.locator('#tabs').getByRole('button', { name }).click()
      async function look() {
        const { violations } = (await page.evaluate('axe.run()')) as AxeResults
        expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([])
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(width)
      }

      await send(text)
      await look()
      await tab('Phone')
      await customers(text).getByText('Fail …').click()
      await look()
      await tab('Journey')
      await steps().getByText('Raw').first().click()
      await look()
      if (isPhone) await tab('Break')
      else await open(/^Break something/)
      await look()
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
    await agents('Back from the dead').getByText('no word yet').waitFor({ state: 'detached' })
    await tick('Back from the dead').toBe('Sent')
  })
})
