import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { Provider } from '../../../functions/providers/accounts.ts'
import { receipts } from '../../../functions/providers/receipts.ts'
import { senders } from '../../../functions/providers/senders.ts'

const repository = new URL('../../../', import.meta.url)
const readme = readFileSync(new URL('README.md', repository), 'utf8')
const section = readme.match(/^## Your messaging service\n(.*?)^## /ms)?.[1] ?? ''
const [, , ...rows] = section
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )

test('the table has a row for each provider', () => {
  expect(rows.map(([name = '']) => name.match(/`(\w+)`/)?.[1])).toEqual(Provider.options)
})

test.each(Provider.options)('what the table says of %s is what the code knows', (provider) => {
  const { truth, account, idempotencyScope, lookUp } = senders[provider]
  const [, ...cells] = rows[Provider.options.indexOf(provider)]!
  const known = [truth.sent, truth.delivered, truth.read, truth.failed].map((is) => (is ? 'yes' : '–'))

  const inDoubt = idempotencyScope ? 'sent again, under the same id' : inDoubtOnce({ lookUp, ...truth })
  expect(cells).toEqual([truth.sentMeans, ...known, sentOnOf(account), inDoubt])
})

test.each(Provider.options)('%s has receipts if there is anything to learn from them', (provider) => {
  const { sent, delivered, read, failed } = senders[provider].truth

  expect(receipts[provider] !== undefined).toBe(sent || delivered || read || failed)
})

test('each provider has a page', () => {
  const targets = rows.map(([name = '']) => name.match(/\((.+)\)/)?.[1] ?? '')

  expect(targets.filter((target) => !existsSync(new URL(target, repository)))).toEqual([])
})

function inDoubtOnce({ lookUp, sent }: { lookUp: unknown; sent: boolean }) {
  if (!sent) return 'FAILED, not confirmed'
  return lookUp ? 'looked up; a receipt settles it' : 'a receipt settles it'
}

/** The moments that an account may choose, with the usual one in bold. */
function sentOnOf(account: z.ZodType) {
  const setting = z
    .union([WithSentOn, z.object({ options: z.tuple([WithSentOn]).rest(z.unknown()) })])
    .safeParse(account).data
  if (!setting) return 'your endpoint says'
  const { sentOn } = ('options' in setting ? setting.options[0] : setting).shape
  const usual = sentOn.parse(undefined)
  const choices = ['accepted', 'sent', 'delivered'].filter((moment) => sentOn.safeParse(moment).success)
  return choices.map((moment) => (moment === usual ? `**${moment}**` : moment)).join(', ')
}

const WithSentOn = z.object({ shape: z.object({ sentOn: z.instanceof(z.ZodType) }) })
