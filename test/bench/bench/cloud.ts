import { createHash } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { selfSignedCertificate } from '../../support/certificate.ts'
import { temporaryFolder } from './temporary.ts'

/** A call of an AWS service, `DynamoDB_20120810.PutItem` for instance, with its input. */
export type AwsCall = { target: string; body: string; request: IncomingMessage }
/** What a service answers, and after how long. */
export type Answer = { status?: number; body: unknown; afterMs?: number }

/** AWS and HubSpot on loopback, each over TLS as in life, so that handshakes cost what they cost. */
export type Cloud = Awaited<ReturnType<typeof startCloud>>

/** Starts both, with what each answers. */
export async function startCloud({
  aws = usualAws,
  hubspot = () => patched,
}: {
  aws?: (call: AwsCall) => Answer | Promise<Answer>
  hubspot?: (request: IncomingMessage, body: string) => Answer
} = {}) {
  const { folder, remove } = temporaryFolder('cloud-')
  const certificate = selfSignedCertificate()
  const certificateFile = join(folder, 'certificate.pem')
  await writeFile(certificateFile, certificate.cert)

  const calls: Record<string, number> = {}
  const amazon = await serve(certificate, async (request, body) => {
    const target = String(request.headers['x-amz-target'])
    calls[target] = (calls[target] ?? 0) + 1
    return aws({ target, body, request })
  })
  const hub = await serve(certificate, async (request, body) => hubspot(request, body))

  return {
    awsUrl: amazon.url,
    hubspotUrl: hub.url,
    /** For NODE_EXTRA_CA_CERTS. */
    certificateFile,
    /** How often each operation of AWS was called. */
    calls,
    /** TLS handshakes so far. */
    handshakes: { aws: amazon.handshakes, hubspot: hub.handshakes },
    async close() {
      await Promise.all([amazon.close(), hub.close()])
      remove()
    },
  }
}

type Answering = (request: IncomingMessage, body: string) => Promise<Answer>

async function serve(certificate: { key: string; cert: string }, answer: Answering) {
  let handshakes = 0
  const server = createServer({ ...certificate, keepAliveTimeout: 0 }, async (request, response: ServerResponse) => {
    const { status = 200, body, afterMs = 0 } = await answer(request, await text(request))
    if (afterMs > 0) await sleep(afterMs)
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  })
  server.on('secureConnection', () => handshakes++)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    handshakes: () => handshakes,
    async close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** The time that a PATCH and a call of DynamoDB take. */
export const times = { patchMs: 120, dynamoDbMs: 4 }

const patched: Answer = { body: { status: { statusType: 'SENT' } }, afterMs: times.patchMs }

/** The client secret of the app. */
export const clientSecret = 'the-secret-of-the-benchmark'

/** An AWS where everything succeeds and nothing is kept: every message is new, every portal has an access token. */
function usualAws({ target, body }: AwsCall): Answer {
  const input = JSON.parse(body)
  const afterMs = target.startsWith('DynamoDB') ? times.dynamoDbMs : 0
  switch (target.split('.')[1]) {
    case 'SendMessage': {
      if (input.MessageBody === '') return { status: 400, body: { __type: 'MissingParameter' } }
      return { body: { MessageId: '1', MD5OfMessageBody: createHash('md5').update(input.MessageBody).digest('hex') } }
    }
    case 'GetSecretValue':
      return { body: { SecretString: JSON.stringify({ clientId: 'client', clientSecrets: [clientSecret] }) } }
    case 'GetItem':
      return { body: { Item: itemOf(input.Key) }, afterMs }
    case 'BatchGetItem':
      return { body: { Responses: itemsOf(input.RequestItems) }, afterMs }
    case 'UpdateItem':
      return { body: { Attributes: { value: { N: String(Date.now()) } } }, afterMs }
    default:
      return { body: {}, afterMs }
  }
}

type Key = { pk: { S: string } }
const itemOf = ({ pk }: Key) => (pk.S.startsWith('portal#') ? portal(pk.S) : undefined)

function itemsOf(asked: Record<string, { Keys: Key[] }>) {
  const tables = Object.entries(asked).map(([name, { Keys }]) => [name, Keys.flatMap((key) => itemOf(key) ?? [])])
  return Object.fromEntries(tables)
}

/** A portal's item, as DynamoDB has it: an access token that is good for an hour. */
export function portal(pk: string) {
  return {
    pk: { S: pk },
    version: { N: '1' },
    refreshToken: { S: 'refresh' },
    accessToken: { S: 'access' },
    accessTokenExpiresAt: { N: String(Date.now() + 3_600_000) },
  }
}
