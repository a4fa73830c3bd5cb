import {
  ConditionalCheckFailedException,
  DeleteItemCommand,
  GetItemCommand,
  PutItemCommand,
  paginateScan,
} from '@aws-sdk/client-dynamodb'
import { parseJson } from '../../functions/platform/json.ts'
import { inTable } from '../../functions/platform/secret-table.ts'
import { createSecrets } from '../../functions/platform/secrets.ts'
import { CommandError } from './command-error.ts'
import type { Deployment } from './deployment.ts'
import { dynamoDbBySdk } from './dynamodb-by-sdk.ts'

type Where = Pick<Deployment, 'dynamodb' | 'outputs'>

/** Credentials as they are kept: the document, since when (milliseconds since 1970), and the version that a change has to follow. */
export type Kept = { document: unknown; since: number; version: number }

/** What is kept of a channel or a channel account, by its id; undefined where there is nothing. */
export async function readCredentials(where: Where, id: string): Promise<Kept | undefined> {
  const { Item } = await where.dynamodb.send(
    new GetItemCommand({ TableName: tableOf(where), Key: { pk: { S: id } }, ConsistentRead: true }),
  )
  if (!Item) return undefined
  return {
    document: parseJson(Item['document']?.S ?? ''),
    since: Date.parse(Item['changedAt']?.S ?? '') || 0,
    version: Number(Item['version']?.N ?? 0),
  }
}

/** Keeps credentials over those that were read. Throws CommandError where somebody else changed them meanwhile. */
export async function putCredentials(where: Where, id: string, document: unknown, over: Kept | undefined) {
  const version = over?.version ?? 0
  const unchanged = over
    ? version === 0
      ? 'attribute_exists(pk) AND attribute_not_exists(#version)'
      : '#version = :seen'
    : 'attribute_not_exists(pk)'
  try {
    await where.dynamodb.send(
      new PutItemCommand({
        TableName: tableOf(where),
        Item: {
          pk: { S: id },
          version: { N: String(version + 1) },
          document: { S: JSON.stringify(document) },
          changedAt: { S: new Date().toISOString() },
        },
        ConditionExpression: unchanged,
        ...(unchanged.includes('#version') && { ExpressionAttributeNames: { '#version': 'version' } }),
        ...(version > 0 && over && { ExpressionAttributeValues: { ':seen': { N: String(version) } } }),
      }),
    )
    return over ? 'set' : 'created'
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException)
      throw new CommandError(`Somebody else has just changed the secret of ${id}. Nothing is changed.`, 'Once more.')
    // The words of other errors might quote what they were given.
    throw new CommandError(
      `DynamoDB does not take it (${error instanceof Error ? error.name : 'unknown error'}).`,
      'Use a profile that may write the table and use its key: docs/relay.md names them.',
    )
  }
}

/** Forgets them. Nothing happens where there are none. */
export async function deleteCredentials(where: Where, id: string) {
  await where.dynamodb.send(new DeleteItemCommand({ TableName: tableOf(where), Key: { pk: { S: id } } }))
}

/** The ids of channels and channel accounts that have credentials. */
export async function credentialIds(where: Where) {
  const ids: string[] = []
  const keys = { TableName: tableOf(where), ProjectionExpression: 'pk' }
  for await (const { Items = [] } of paginateScan({ client: where.dynamodb }, keys))
    for (const { pk } of Items) ids.push(pk?.S ?? '')
  return ids.toSorted()
}

/** Credentials as the functions read them. */
export const credentialsOf = (where: Where) => createSecrets(inTable(dynamoDbBySdk(where.dynamodb), tableOf(where)))

function tableOf({ outputs }: Where) {
  if (outputs.CredentialsTableName !== undefined) return outputs.CredentialsTableName
  throw new CommandError('This relay needs no credentials: it neither delivers nor takes receipts.')
}
