import { SecretValue } from 'aws-cdk-lib'
import { AttributeType, type CfnGlobalTable, StreamViewType, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { type IKey, Key } from 'aws-cdk-lib/aws-kms'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import type { Chosen } from './defaults.ts'

/** The ledger: one item per message, with the status known, what HubSpot was told, and what was done when. */
export function createLedger(scope: Construct, chosen: Chosen) {
  return new TableV2(scope, 'Ledger', {
    ...tableProps(chosen),
    // Events are made from its changes.
    ...(chosen.eventBus && { dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES }),
  })
}

/** The providers' credentials: their table, and its key. */
export type Credentials = ReturnType<typeof createCredentials>

/** The portals: each one's OAuth tokens, under a key of its own, and its rate limiter. */
export function createPortals(scope: Construct, chosen: Chosen) {
  const key = chosen.encryptionKey ?? createKey(scope, 'PortalsKey', 'Encrypts HubSpot OAuth tokens', chosen)
  return { table: tableUnder(key, scope, 'Portals', chosen), key }
}

/**
 * The providers' credentials: one item for each channel or channel account, a JSON document under its id. Under a key of
 * their own, so that a role that may read portals' tokens may not read these, nor the other way round.
 */
export function createCredentials(scope: Construct, chosen: Chosen) {
  const key =
    chosen.credentialsKey ?? createKey(scope, 'CredentialsKey', "Encrypts messaging providers' credentials", chosen)
  return { table: tableUnder(key, scope, 'Credentials', chosen), key }
}

const createKey = (scope: Construct, id: string, description: string, { removalPolicy }: Chosen) =>
  new Key(scope, id, { enableKeyRotation: true, description, removalPolicy })

function tableUnder(key: IKey, scope: Construct, id: string, chosen: Chosen) {
  const table = new TableV2(scope, id, tableProps(chosen))
  // What TableEncryptionV2.customerManagedKey would say, which CDK allows only in a stack that is bound to one region.
  const resource = table.node.defaultChild as CfnGlobalTable
  resource.sseSpecification = { sseEnabled: true, sseType: 'KMS' }
  resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn)
  return table
}

/** What reading and writing a table under a key takes: what CDK's own grants give. AWS's pages name less, and do not agree. */
export function useOf(...keys: IKey[]) {
  const arns = keys.map(({ keyArn }) => keyArn)
  return { ...readingUseOf(...keys), 'kms:Encrypt': arns, 'kms:GenerateDataKey': arns }
}

/** What reading alone takes. */
export function readingUseOf(...keys: IKey[]) {
  const arns = keys.map(({ keyArn }) => keyArn)
  return { 'kms:Decrypt': arns, 'kms:DescribeKey': arns }
}

/**
 * The HubSpot app's client id and secrets. Created empty; the operator fills it in. CloudFormation writes the value
 * again, over the operator's, if what stands here ever changes.
 */
export function createAppSecret(scope: Construct, { removalPolicy }: Chosen) {
  const secret = new Secret(scope, 'AppSecret', {
    description: 'The HubSpot app: clientId, and clientSecrets with the current one first',
    secretStringValue: SecretValue.unsafePlainText(JSON.stringify({ clientId: '', clientSecrets: [] })),
    removalPolicy,
  })
  acknowledge(secret, {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    reason: 'Client secrets are rotated in HubSpot, by hand; clientSecrets holds the previous one meanwhile.',
  })
  return secret
}

/** What signs requests to the team's own endpoint for access tokens: made here, and read there. Absent without such an endpoint. */
export function createAccessTokensSecret(scope: Construct, { removalPolicy, hubspot }: Chosen) {
  if (!hubspot.accessTokens) return undefined
  const secret = new Secret(scope, 'AccessTokensSecret', {
    description: 'Signs requests for access tokens, by Standard Webhooks',
    // Letters and digits are base64, of 33 bytes.
    generateSecretString: {
      secretStringTemplate: '{}',
      generateStringKey: 'secret',
      passwordLength: 44,
      excludePunctuation: true,
    },
    removalPolicy,
  })
  acknowledge(secret, {
    id: 'AwsSolutions::AwsSolutions-SMG4',
    reason: 'The endpoint has to know it first: it is changed there and here, by hand.',
  })
  return secret
}

// Billed by the request, which is TableV2's default.
const tableProps = ({ deletionProtection, removalPolicy }: Chosen) => ({
  partitionKey: { name: 'pk', type: AttributeType.STRING },
  timeToLiveAttribute: 'expiresAt',
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  deletionProtection,
  removalPolicy,
})
