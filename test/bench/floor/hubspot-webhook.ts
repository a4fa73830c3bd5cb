import { createHmac, timingSafeEqual } from 'node:crypto'
import type { APIGatewayProxyEventV2, APIGatewayProxyResultV2 } from 'aws-lambda'
import { call } from './aws.ts'

let secret: string | undefined

async function readSecret() {
  const { json } = await call('secretsmanager', 'secretsmanager.GetSecretValue', {
    SecretId: process.env['APP_SECRET_ARN'],
  })
  return JSON.parse(json['SecretString']!).clientSecrets[0] as string
}

// As the relay does in INIT, while Lambda gives a whole CPU: the secret is read and the connection to SQS opened.
await Promise.allSettled([
  readSecret().then((read) => {
    secret = read
  }),
  call('sqs', 'AmazonSQS.SendMessage', { QueueUrl: process.env['JOBS_QUEUE_URL'], MessageBody: '' }),
])

/** The webhook's Lambda with nothing but Node: no check of what the body says. */
export async function handler(event: APIGatewayProxyEventV2): Promise<APIGatewayProxyResultV2> {
  secret ??= await readSecret()
  const body = event.isBase64Encoded ? Buffer.from(event.body ?? '', 'base64').toString() : (event.body ?? '')
  const signature = Buffer.from(event.headers['x-hubspot-signature-v3'] ?? '')
  const timestamp = event.headers['x-hubspot-request-timestamp'] ?? ''
  const query = event.rawQueryString ? `?${event.rawQueryString}` : ''
  const url = `https://${event.requestContext.domainName}${event.rawPath}${query}`
  const signed = event.requestContext.http.method + url + body + timestamp
  const expected = Buffer.from(createHmac('sha256', secret).update(signed).digest('base64'))
  const isFresh = Math.abs(Date.now() - Number(timestamp)) <= 5 * 60_000
  if (!isFresh || expected.length !== signature.length || !timingSafeEqual(expected, signature)) {
    return { statusCode: 401, body: '' }
  }
  const { portalId, channelId, message } = JSON.parse(body)
  const { status } = await call('sqs', 'AmazonSQS.SendMessage', {
    QueueUrl: process.env['JOBS_QUEUE_URL'],
    MessageBody: JSON.stringify({ portalId, channelId, messageId: message.id, message }),
    MessageGroupId: portalId,
  })
  if (status !== 200) throw new Error(`SQS answered ${status}`)
  return { statusCode: 204 }
}
