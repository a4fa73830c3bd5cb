import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { GetSecretValueCommand, ListSecretsCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { LocalRelay } from '../../infra/local/local-relay.ts'

/** Which of the confidential values stand in a text: whole, by their beginning, or written otherwise. */
export function leaksIn(text: string, confidential: Iterable<string>) {
  const unformatted = text.replaceAll(/[\s().-]/g, '')
  return [...confidential].filter((value) =>
    formsOf(value).some((form) => text.includes(form) || unformatted.includes(form)),
  )
}

function formsOf(value: string) {
  const encoded = Buffer.from(value).toString('base64').replaceAll('=', '')
  const escaped = JSON.stringify(value).slice(1, -1)
  const isPhoneNumber = /^\+\d{7,}$/.test(value)
  return [
    ...[value, escaped, JSON.stringify(escaped).slice(1, -1), encodeURIComponent(value), encoded].map(beginningOf),
    ...(isPhoneNumber ? [value.slice(1)] : []),
  ]
}

/** Enough to know a text by, where a line is cut off; of URLs, others begin alike. */
const beginningOf = (value: string) => (isUrl(value) ? value : value.slice(0, 20))

/** Whether a value is the address of something. */
export const isUrl = (value: string) => /^https?:/.test(value)

/** What no log line of a running relay may tell: what agents wrote and to whom, and every secret and token. */
export async function confidentialOf({ stack, hubspot }: LocalRelay) {
  const messages = [...hubspot.messages.values()].flatMap(({ text, richText = text, to }) => [text, richText, ...to])
  const { Items = [] } = await stack.dynamodb.send(new ScanCommand({ TableName: stack.tableName('Portals') }))
  const tokens = Items.map((item) => unmarshall(item)).flatMap(({ accessToken, refreshToken }) => [
    accessToken,
    refreshToken,
  ])
  const credentials = await stack.dynamodb.send(new ScanCommand({ TableName: stack.tableName('Credentials') }))
  const documents = (credentials.Items ?? []).map((item) => JSON.parse(unmarshall(item)['document']) as unknown)
  const secrets = [...documents, ...(await secretsOf(stack))].flatMap(valuesIn)
  return new Set([...messages, ...tokens, ...secrets].filter((value): value is string => value?.length >= 8))
}

async function secretsOf({ environment }: LocalRelay['stack']) {
  const client = new SecretsManagerClient({
    endpoint: environment['AWS_ENDPOINT_URL'],
    region: environment['AWS_REGION'],
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  })
  const { SecretList = [] } = await client.send(new ListSecretsCommand())
  return Promise.all(
    SecretList.map(async ({ Name }) => {
      const { SecretString = '""' } = await client.send(new GetSecretValueCommand({ SecretId: Name }))
      return JSON.parse(SecretString) as unknown
    }),
  )
}

// Everything that an account holds, its URLs and numbers included, but for what says nothing.
const open = new Set(['provider', 'format', 'sentOn', 'clientId'])

function valuesIn(value: unknown): string[] {
  if (typeof value === 'string') return [value]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, within]) => (open.has(name) ? [] : valuesIn(within)))
}
