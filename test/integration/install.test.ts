import { afterAll, beforeAll, expect, test } from 'vitest'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { createLinkBrowser } from '../support/link-browser.ts'

const portalId = '1002'
const message = { ...ids, portalId, channelAccountId: '3000000001', text: 'Hello' }

let relay: LocalRelay
beforeAll(async () => {
  relay = await startLocalRelay()
  await relay.addChannelAccount(message.channelAccountId)
})
afterAll(() => relay?.stop())

test("a portal that is installed by a click has its messages' statuses told", async () => {
  const browser = createLinkBrowser()

  const consent = await browser.open(relay.stack.outputs['InstallUrl']!)
  const done = await browser.follow(consent, `Connect account ${portalId}`)
  const sent = await relay.hubspot.sendMessage(message)
  await relay.stack.idle()

  expect(done).toMatchObject({ status: 200, text: expect.stringContaining('HubSpot is connected') })
  expect(relay.hubspot.message(sent.id)).toMatchObject({ told: 'READ' })
})

test('a second installation says that it is one', async () => {
  const browser = createLinkBrowser()

  const consent = await browser.open(`${relay.stack.outputs['InstallUrl']}?portalId=${portalId}`)
  const done = await browser.follow(consent, `Connect account ${portalId}`)

  expect(consent.text).not.toContain(ids.portalId)
  expect(done).toMatchObject({ status: 200, text: expect.stringContaining('connected again') })
})

test('a consent that is denied has its page', async () => {
  const browser = createLinkBrowser()

  const done = await browser.follow(await browser.open(relay.stack.outputs['InstallUrl']!), 'Cancel')

  expect(done).toMatchObject({ status: 403, text: expect.stringContaining('was not connected') })
})

test("a consent that somebody else gave is refused in the victim's browser", async () => {
  const consent = await createLinkBrowser().open(relay.stack.outputs['InstallUrl']!)

  const done = await createLinkBrowser().follow(consent, `Connect account ${portalId}`)

  expect(done).toMatchObject({ status: 403, text: expect.stringContaining('Another browser') })
})

test('the code of an installation is nowhere in the log', () => {
  const lines = relay.stack.functionLogs('oauth-install').join('\n')

  expect(lines).toContain('Portal installed')
  expect(lines).not.toMatch(/na1-|"code"|state=/)
})
