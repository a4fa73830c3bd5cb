import { createHash, createHmac } from 'node:crypto'
import https from 'node:https'

const agent = new https.Agent({ keepAlive: true })

/** A call of an AWS service in its JSON protocol, signed (Signature Version 4). Answers with the status and the body. */
export async function call(service: 'sqs' | 'dynamodb' | 'secretsmanager', target: string, input: object) {
  const { AWS_REGION: region = '', AWS_ACCESS_KEY_ID: id, AWS_SESSION_TOKEN: token = '' } = process.env
  const url = new URL(process.env['AWS_ENDPOINT_URL'] ?? `https://${service}.${region}.amazonaws.com`)
  const body = JSON.stringify(input)
  const time = new Date().toISOString().replace(/[-:]|\.\d+/g, '')
  const headers = {
    'content-type': `application/x-amz-json-1.0`,
    host: url.host,
    'x-amz-date': time,
    'x-amz-security-token': token,
    'x-amz-target': target,
  }
  const names = Object.keys(headers).join(';')
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`)
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`
  const canonical = ['POST', '/', '', lines.join(''), names, sha256(body)].join('\n')
  const signature = hmac(signingKey(scope), ['AWS4-HMAC-SHA256', time, scope, sha256(canonical)].join('\n'))
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature.toString('hex')}`
  return request(url, 'POST', { ...headers, authorization }, body)
}

/** A request over a connection that stays open. */
export function request(url: URL, method: string, headers: Record<string, string>, body: string) {
  return new Promise<{ status: number; json: Record<string, never> }>((resolve, reject) => {
    https
      .request(
        url,
        { method, agent, headers: { ...headers, 'content-length': Buffer.byteLength(body) } },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk) => chunks.push(chunk))
          response.on('end', () => {
            const text = Buffer.concat(chunks).toString()
            resolve({ status: response.statusCode ?? 0, json: text.startsWith('{') ? JSON.parse(text) : {} })
          })
        },
      )
      .on('error', reject)
      .end(body)
  })
}

const keys = new Map<string, Buffer>()

function signingKey(scope: string) {
  const secret: string | Buffer = `AWS4${process.env['AWS_SECRET_ACCESS_KEY']}`
  const key = keys.get(scope) ?? scope.split('/').reduce<string | Buffer>((inner, part) => hmac(inner, part), secret)
  keys.set(scope, key as Buffer)
  return key
}

const sha256 = (text: string) => createHash('sha256').update(text).digest('hex')
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest()
