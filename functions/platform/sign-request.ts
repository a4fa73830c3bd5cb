import aws4 from 'aws4'

/** What Lambda hands over in the environment. */
export type Credentials = { accessKeyId: string; secretAccessKey: string; sessionToken?: string | undefined }

/** A POST in one of AWS's JSON protocols: its headers by lower-case name, the host among them. */
export type UnsignedRequest = {
  service: string
  region: string
  path: string
  headers: Record<string, string>
  body: string | Buffer
}

/** The request's headers with those of Signature Version 4, as of a time in milliseconds since 1970. */
export function signedHeaders(request: UnsignedRequest, credentials: Credentials, at: number): Record<string, string> {
  const date = new Date(at).toISOString().replace(/[-:]|\.\d+/g, '')
  const toSign = { ...request, ...unsigned, method: 'POST', headers: { ...request.headers, 'x-amz-date': date } }
  return aws4.sign(toSign, given(credentials)).headers as Record<string, string>
}

// It is the body's, which is signed.
const unsigned = { extraHeadersToIgnore: { 'content-length': true } }

// Its types know no property that is undefined.
const given = ({ sessionToken, ...keys }: Credentials) => ({ ...keys, ...(sessionToken && { sessionToken }) })
