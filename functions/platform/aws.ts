import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SQSClient } from '@aws-sdk/client-sqs'

// An AWS call takes milliseconds; one that takes seconds is better tried anew, well within the function's timeout.
const patience = { maxAttempts: 2, requestHandler: { connectionTimeout: 1000, requestTimeout: 2000 } }

/** An SQS client that does not wait long. */
export const createSqs = () => new SQSClient(patience)
/** A DynamoDB client that does not wait long. */
export const createDynamoDb = () => new DynamoDBClient(patience)
/** A Secrets Manager client that does not wait long. */
export const createSecretsManager = () => new SecretsManagerClient(patience)
