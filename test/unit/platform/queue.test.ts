import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  createQueue,
  decodeBody,
  encodeBody,
  gunzip,
  gzip,
  maxDelaySeconds,
  TooLargeForQueue,
} from '../../../functions/platform/queue.ts'
import { anyText } from '../../support/arbitraries.ts'
import { createFakeSqs } from '../../support/aws.ts'

const mebibyte = 1024 * 1024

test('what is encoded is decoded to the same, whatever its characters, halves of surrogate pairs included', () => {
  const texts = fc.oneof(
    anyText,
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 }).map((units) => String.fromCharCode(...units)),
  )
  const jobs = fc.dictionary(texts, fc.oneof(texts, fc.jsonValue()), { noNullPrototype: true })

  fc.assert(
    fc.property(jobs, (job) => {
      fc.pre(!('gzip' in job))

      expect(JSON.stringify(decodeBody(encodeBody(job)))).toBe(JSON.stringify(job))
    }),
  )
})

test('a long job travels gzipped and comes back the same', () => {
  const job = { text: 'Grüße 👋 \ud83d '.repeat(20_000) }

  const body = encodeBody(job)

  expect(JSON.parse(body)).toEqual({ gzip: expect.stringMatching(/^[\w+/]+=*$/) })
  expect(body.length).toBeLessThan(10_000)
  expect(decodeBody(body)).toEqual(job)
})

test('a short job travels as it is, to be read by a person', () => {
  expect(encodeBody({ text: 'Hello' })).toBe('{"text":"Hello"}')
})

test('a body is printable ASCII, which SQS takes and counts as we do, be it gzipped or not', () => {
  fc.assert(
    fc.property(anyText, fc.constantFrom(0, 30_000), (text, times) => {
      expect(encodeBody({ text: `${text}\u007f`, long: 'é'.repeat(times) })).toMatch(/^[\x20-\x7e]*$/)
    }),
  )
})

test('a job that does not fit into SQS is refused, and its text is not in the error', () => {
  const text = randomBytes(mebibyte).toString('base64')

  expect(() => encodeBody({ text })).toThrow(TooLargeForQueue)
  expect(() => encodeBody({ text })).toThrow(/^A job of \d+ bytes does not fit into SQS$/)
})

test('a megabyte of random bytes in base64 fits, since gzip takes base64 back', () => {
  const job = { text: randomBytes(0.7 * mebibyte).toString('base64') }

  const body = encodeBody(job)

  expect(body.length).toBeLessThanOrEqual(mebibyte)
  expect(decodeBody(body)).toEqual(job)
})

test('bytes survive gzip, and gzip them', () => {
  fc.assert(fc.property(fc.uint8Array(), (bytes) => void expect([...gunzip(gzip(bytes))]).toEqual([...bytes])))
})

test('nothing inflates beyond 16 MiB', () => {
  const bomb = gzipSync(Buffer.alloc(17 * mebibyte, ' ')).toString('base64')

  expect(() => gunzip(bomb)).toThrow(RangeError)
  expect(() => decodeBody(JSON.stringify({ gzip: bomb }))).toThrow(RangeError)
})

test.each(['', 'Hello', '{"gzip":"Hello"}', '{"gzip":""}'])('a body of somebody else, %j, is refused', (body) => {
  expect(() => decodeBody(body)).toThrow()
})

test.each(['null', '7', '[]', '{"gzip":7}'])('a body that is JSON, %j, is decoded, be it a job or not', (body) => {
  expect(decodeBody(body)).toEqual(JSON.parse(body))
})

test('a job is sent in the name of its tenant', async () => {
  const sqs = createFakeSqs()

  await createQueue(sqs.client, 'deliveries').send({ text: 'Grüße' }, { group: '243842089' })

  expect(sqs.messages).toEqual([
    { queue: 'deliveries', body: '{"text":"Gr\\u00fc\\u00dfe"}', group: '243842089', delaySeconds: 0 },
  ])
})

test.each([
  [-5, 0],
  [0.2, 1],
  [60, 60],
  [899.5, maxDelaySeconds],
  [86_400, maxDelaySeconds],
])('a delay of %d seconds is one of %d to SQS', async (delaySeconds, delay) => {
  const sqs = createFakeSqs()

  await createQueue(sqs.client, 'deliveries').send({}, { group: '1', delaySeconds })

  expect(sqs.messages[0]?.delaySeconds).toBe(delay)
})

test('a job that SQS refuses is not sent', async () => {
  const sqs = createFakeSqs()
  sqs.down = true

  await expect(createQueue(sqs.client, 'deliveries').send({}, { group: '1' })).rejects.toThrow('Try later')
})
