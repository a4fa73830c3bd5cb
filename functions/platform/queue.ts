import { gunzipSync, gzipSync } from 'node:zlib'
import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import { parseJsonExactly } from './json.ts'

/** A queue to send jobs to. */
export type Queue = {
  /** Sends a job as JSON. `group` is the tenant (a portal): SQS keeps a noisy one from holding up the others. */
  send(job: object, options: { group: string; delaySeconds?: number }): Promise<void>
}

/** The longest delay that SQS offers a message. */
export const maxDelaySeconds = 900

/** A standard SQS queue, made fair by `MessageGroupId`. */
export function createQueue(client: SQSClient, url: string): Queue {
  return {
    async send(job, { group, delaySeconds = 0 }) {
      await client.send(
        new SendMessageCommand({
          QueueUrl: url,
          MessageBody: encodeBody(job),
          MessageGroupId: group,
          DelaySeconds: Math.min(maxDelaySeconds, Math.max(0, Math.ceil(delaySeconds))),
        }),
      )
    },
  }
}

/** Runs the client once and opens its connection: a message without a body, which SQS refuses. Rejects for that reason. */
export async function touchQueue(client: SQSClient, url: string) {
  await client.send(new SendMessageCommand({ QueueUrl: url, MessageBody: '' }))
}

/** Thrown for a job that would not fit into an SQS message (1 MiB) even when gzipped, with what it may have to carry. */
export class TooLargeForQueue extends Error {
  override name = 'TooLargeForQueue'
}

const maxBodyBytes = 1024 * 1024
// What a job carries while it waits, or among the dead letters.
const envelopeBytes = 16 * 1024
const gzipAboveBytes = 128 * 1024
const maxInflatedBytes = 16 * 1024 * 1024

/** JSON in plain ASCII, gzipped where it is long: `{"gzip": "<base64>"}`. */
export function encodeBody(job: object) {
  // Escaped, a character counts the same everywhere, and none falls outside the set that SQS accepts.
  const plain = JSON.stringify(job).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
  const body = plain.length > gzipAboveBytes ? JSON.stringify({ gzip: gzip(plain) }) : plain
  const isEnveloped = 'waiting' in job || 'deadLetter' in job
  const maxBytes = isEnveloped ? maxBodyBytes : maxBodyBytes - envelopeBytes
  if (body.length > maxBytes) throw new TooLargeForQueue(`A job of ${body.length} bytes does not fit into SQS`)
  return body
}

/** What `encodeBody` was given. Throws a SyntaxError or a zlib error for anything else. */
export function decodeBody(body: string): unknown {
  const job = parse(body)
  const packed = typeof job === 'object' && job !== null && 'gzip' in job ? job.gzip : undefined
  return typeof packed === 'string' ? parse(gunzip(packed).toString()) : job
}

/** A number of the team's own, an id for instance, is not rounded on its way. */
function parse(text: string) {
  const document = parseJsonExactly(text)
  if (document === undefined) throw new SyntaxError('Not JSON')
  return document
}

/** Gzipped, in base64. */
export function gzip(plain: string | Uint8Array) {
  return gzipSync(plain).toString('base64')
}

/** The bytes that `gzip` was given; refuses to inflate beyond 16 MiB. */
export function gunzip(packed: string) {
  return gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: maxInflatedBytes })
}
