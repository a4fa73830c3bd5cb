import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

/** What Lambda hands over in the environment. */
export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined }

/** A request in one of AWS's JSON protocols, which is a POST to `/`. The names of its headers are in lower case, the host's among them. */
export type UnsignedRequest = { service: string; region: string; headers: Record<string, string>; body: string }

/**
 * The request's headers with those of Signature Version 4, as of a time in milliseconds since 1970.
 * Rule: docs.aws.amazon.com, IAM User Guide, "Create a signed AWS API request".
 */
export function signedHeaders(
  { service, region, headers, body }: UnsignedRequest,
  { accessKeyId, secretAccessKey, sessionToken }: Credentials,
  at: number,
): Record<string, string> {
  const time = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`
  const all = { ...headers, 'x-amz-date': time, ...(sessionToken && { 'x-amz-security-token': sessionToken }) }
  const names = Object.keys(all).sort()
  const lines = names.map((name) => `${name}:${(all[name as keyof typeof all] ?? '').trim().replace(/\s+/g, ' ')}\n`)
  const signed = names.join(';')
  const canonical = `POST\n/\n\n${lines.join('')}\n${signed}\n${hash('sha256', body)}`
  const toSign = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', canonical)}`
  const signature = createHmac('sha256', signingKey(secretAccessKey, scope)).update(toSign).digest('hex')
  const authorization = `AWS4-HMAC-SHA256 Credential=${accessKeyId}/${scope}, SignedHeaders=${signed}, Signature=${signature}`
  return { ...all, authorization }
}

// Four HMACs a day, for each service.
const signingKeys = new Map<string, KeyObject>()

function signingKey(secretAccessKey: string, scope: string) {
  const name = `${scope} ${secretAccessKey}`
  const known = signingKeys.get(name)
  if (known) return known
  const inner = (key: string | Buffer, part: string) => createHmac('sha256', key).update(part).digest()
  const key = createSecretKey(scope.split('/').reduce<string | Buffer>(inner, `AWS4${secretAccessKey}`) as Buffer)
  if (signingKeys.size >= 20) signingKeys.clear()
  signingKeys.set(name, key)
  return key
}
