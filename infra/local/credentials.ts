import { DeleteItemCommand, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb'
import type { LocalStack } from './aws/stack.ts'

type Stack = Pick<LocalStack, 'dynamodb' | 'outputs'>

/** Gives a channel or channel account its provider's credentials, as a team's back end would; a text as it stands. */
export async function putCredentials({ dynamodb, outputs }: Stack, id: string, document: object | string) {
  const text = typeof document === 'string' ? document : JSON.stringify(document)
  const Item = { pk: { S: id }, document: { S: text } }
  await dynamodb.send(new PutItemCommand({ TableName: outputs['CredentialsTableName'], Item }))
}

/** What a channel or channel account has; undefined where it has none. */
export async function readCredentials({ dynamodb, outputs }: Stack, id: string): Promise<unknown> {
  const TableName = outputs['CredentialsTableName']
  const { Item } = await dynamodb.send(new GetItemCommand({ TableName, Key: { pk: { S: id } } }))
  return Item && JSON.parse(Item['document']?.S ?? '')
}

/** Forgets them. */
export async function deleteCredentials({ dynamodb, outputs }: Stack, id: string) {
  await dynamodb.send(new DeleteItemCommand({ TableName: outputs['CredentialsTableName'], Key: { pk: { S: id } } }))
}
