import type { DynamoDb } from './dynamodb.ts'
import type { SecretStore } from './fetch-secret.ts'

/**
 * A table of secrets under a key of their own, each a JSON document in the attribute `document` under its name, `pk`. DynamoDB
 * decrypts it for whoever may use the key. Why so: docs/decisions/0032-providers-credentials.md.
 */
export const inTable =
  (dynamoDb: DynamoDb, TableName: string): SecretStore =>
  async (id) => {
    const { Item } = await dynamoDb('GetItem', { TableName, Key: { pk: { S: id } }, ConsistentRead: true })
    return Item && (Item['document']?.S ?? '')
  }
