import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { AxeResults } from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import { startBrowser } from './browser.ts'
import { findChromium } from './chromium.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')

describe.skipIf(!findChromium())('installing the app, in a browser', () => {
  let relay: LocalRelay
  let browser: Browser
  let base: string

  beforeAll(async () => {
    relay = await startLocalRelay()
    base = relay.stack.outputs['InstallUrl']!.replace('/install', '')
    browser = await startBrowser()
  })

  afterAll(async () => {
    await browser?.close()
    await relay?.stop()
  })

  const consent = async (page: Page, link = 'Connect account 1002') => {
    await page.goto(`${base}/install`)
    await page.getByText(link).click()
  }
  const comeBack = async (page: Page, query: string) => {
    await page.goto(`${base}/install`)
    const state = new URL(page.url()).searchParams.get('state')
    await page.goto(`${base}/callback?state=${state}${query}`)
  }
  const refusedByHubSpot = async (page: Page, status: string) => {
    const answer = { status: 400, body: { status, message: 'no' } }
    relay.hubspot.faults.push({ method: 'POST', times: 2, answer })
    await consent(page)
    relay.hubspot.faults.splice(0)
  }

  const pages: [title: string, go: (page: Page) => Promise<unknown>][] = [
    ['HubSpot is connected', (page) => consent(page)],
    ['HubSpot is connected again', (page) => consent(page)],
    ['HubSpot was not connected', (page) => consent(page, 'Cancel')],
    ['This was done already', (page) => consent(page).then(() => page.reload())],
    ['That is not a HubSpot account', (page) => page.goto(`${base}/install?portalId=abc`)],
    ['HubSpot did not connect', (page) => page.goto(`${base}/callback?error=server_error`)],
    ['This link is not ours', (page) => page.goto(`${base}/callback?state=junk&code=junk`)],
    ['HubSpot sent no code', (page) => comeBack(page, '')],
    ["HubSpot's code is used up", (page) => comeBack(page, '&code=junk')],
    ['The redirect URL is another one', (page) => refusedByHubSpot(page, 'BAD_REDIRECT_URI')],
    ['HubSpot does not know this app', (page) => refusedByHubSpot(page, 'BAD_CLIENT_SECRET')],
  ]

  test.each(pages)(
    '%s: styled within its own policy, and without a barrier, by day and by night',
    async (title, go) => {
      const context = await browser.newContext({ viewport: { width: 360, height: 640 } })
      const page = await context.newPage()
      const complaints: string[] = []
      page.on('console', (message) => complaints.push(message.text()))

      await go(page)

      expect(await page.title()).toBe(title)
      expect(complaints.filter((complaint) => /Content.Security.Policy/i.test(complaint))).toEqual([])
      expect(await page.evaluate('getComputedStyle(document.documentElement).fontSize')).toBe('18px')
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        await page.evaluate(axe)
        const { violations } = (await page.evaluate('axe.run()')) as AxeResults
        expect({ colorScheme, found: violations.map(({ id }) => id) }).toEqual({ colorScheme, found: [] })
      }
      await context.close()
    },
  )
})
