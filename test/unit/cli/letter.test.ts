import { expect, test } from 'vitest'
import { openEnvelope } from '../../../functions/platform/envelope.ts'
import { encodeBody } from '../../../functions/platform/queue.ts'
import { isMeant, type Letter, readLetter, shown, toRedrive } from '../../../infra/cli/letter.ts'
import { delivery, update } from '../../support/world.ts'

const hour = 3_600_000
const now = Date.parse('2026-11-22T12:00:00Z')
const ours = {
  reason: 'HubSpot rejects the status',
  attempts: 3,
  since: '2026-11-22T10:00:00.000Z',
  at: '2026-11-22T11:00:00.000Z',
}

test('a letter of the relay carries its own reason', () => {
  const letter = read({ deadLetter: ours, job: update('sent') }, { queue: 'status-updates' })

  expect(letter).toMatchObject({ reason: ours.reason, attempts: 3, since: now - 2 * hour, givenUp: false })
  expect(letter.about).toEqual({ portalId: '1', channelId: '2', messageId: 'm', status: 'sent' })
})

test('a letter of SQS is as old as its job, and says how often it was received', () => {
  const waited = { ...update('sent'), waiting: { attempt: 4, since: now - 3 * hour, notBefore: 0 } }

  expect(read(update('sent'))).toMatchObject({
    reason: 'Received 5 times without success',
    attempts: 5,
    since: now - hour,
  })
  expect(read(waited)).toMatchObject({ attempts: 9, since: now - 3 * hour })
})

test('a redriven letter that SQS brought back says both', () => {
  const letter = read({ deadLetter: ours, job: update('sent') }, { attributes: { DeadLetterQueueSourceArn: 'arn' } })

  expect(letter.reason).toBe('Received 5 times without success, redriven after: HubSpot rejects the status')
})

test.each([
  ['deliveries', 'Given up after 24 hours: no answer', true],
  ['deliveries', 'Unreadable event: given up', false],
  ['status-updates', 'Given up after 24 hours: HTTP 500', false],
] as const)('of %s, "%s" is a message that may have been sent by hand: %s', (queue, reason, givenUp) => {
  expect(read({ deadLetter: { ...ours, reason }, job: delivery() }, { queue })).toMatchObject({ givenUp })
})

test.each(['', 'no JSON', '[]', 'null', '{"gzip":"?"}'])('anything can be read and redriven: %j', (body) => {
  const letter = readLetter(message(body), { queue: 'deliveries', maxReceives: 5 })

  expect(letter).toMatchObject({ about: {}, reason: 'Received 5 times without success' })
  expect(openEnvelope(encodeBody(toRedrive(letter, now)))).toMatchObject({ body: letter.job })
})

test('a redriven job starts again, whatever it took along', () => {
  const waited = { ...delivery(), waiting: { attempt: 4, since: 0, notBefore: 0 } }

  const opened = openEnvelope(encodeBody(toRedrive(read(waited), now)))

  expect(opened).toMatchObject({ body: delivery(), deadLetter: { attempts: 9 } })
  expect(opened.waiting).toBeUndefined()
})

test.each([
  [{}, true],
  [{ portal: '1', message: 'm', reason: 'REJECTS', olderThan: hour, newerThan: 3 * hour }, true],
  [{ portal: '2' }, false],
  [{ message: 'n' }, false],
  [{ reason: 'accepts' }, false],
  [{ olderThan: 3 * hour }, false],
  [{ newerThan: hour }, false],
])('of a letter two hours old, %j finds it: %s', (filters, found) => {
  const letter = read({ deadLetter: ours, job: update('sent') })

  expect(isMeant(letter, filters, now)).toBe(found)
})

test('without its text nothing of a job is shown that somebody wrote or that leads to somebody', () => {
  const job = {
    ...delivery({
      text: 'Hello',
      richText: '<p>Hello</p>',
      original: '{"text":"Hello"}',
      integrationThreadIds: ['+15550100'],
    }),
    from: { name: 'Hello' },
    surprise: 'Hello',
  }

  const veiled = JSON.stringify(shown(job, {}))

  expect(veiled).not.toMatch(/Hello|\+1555/)
  expect(veiled).toContain('"messageId":"m"')
  expect(shown('Hello', {})).toBe('(hidden)')
  expect(shown(update('failed', { reason: 'No such number: +15550100' }), {})).toMatchObject({
    reason: 'No such number: [number]',
  })
})

type Setting = { queue?: Letter['queue']; attributes?: Record<string, string> }

const read = (body: object, { queue = 'deliveries', attributes = {} }: Setting = {}) =>
  readLetter(message(encodeBody(body), attributes), { queue, maxReceives: 5 })

const message = (Body: string, attributes: Record<string, string> = {}) => ({
  MessageId: 'id',
  Body,
  Attributes: { SentTimestamp: String(now - hour), ...attributes },
})
