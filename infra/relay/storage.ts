import { ArnFormat, SecretValue, Stack } from 'aws-cdk-lib'
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
    // Events come out of its changes.
    ...(chosen.eventBus && { dynamoStream: StreamViewType.NEW_AND_OLD_IMAGES }),
  })
}

/** The portals: each one's OAuth tokens, under a key of its own, and its rate limiter. */
export function createPortals(scope: Construct, chosen: Chosen) {
  const key =
    chosen.encryptionKey ??
    new Key(scope, 'PortalsKey', {
      enableKeyRotation: true,
      description: 'Encrypts HubSpot OAuth tokens',
      removalPolicy: chosen.removalPolicy,
    })
  const table = new TableV2(scope, 'Portals', tableProps(chosen))
  // What TableEncryptionV2.customerManagedKey would say, which CDK allows only in a stack that is bound to one region.
  const resource = table.node.defaultChild as CfnGlobalTable
  resource.sseSpecification = { sseEnabled: true, sseType: 'KMS' }
  resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn)
  return { table, key }
}

/** What reading and writing a table under a key takes: what CDK's own grants give. AWS's pages name less, and do not agree. */
export function useOf({ keyArn }: IKey) {
  return {
    'kms:Decrypt': [keyArn],
    'kms:DescribeKey': [keyArn],
    'kms:Encrypt': [keyArn],
    'kms:GenerateDataKey': [keyArn],
  }
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

/** Where operators keep the providers' credentials: one secret per channel account or channel, named `{prefix}{id}`. */
export function channelSecrets(scope: Construct, identity: string) {
  const stack = Stack.of(scope)
  const prefix = `${identity}/channels/`
  const arns = stack.formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${prefix}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  })
  acknowledge(scope, {
    id: `AwsSolutions::AwsSolutions-IAM5[Resource::${asNagWritesIt(stack.resolve(arns))}]`,
    reason:
      'Operators add channels without another deployment, and Secrets Manager ends every ARN in random characters.',
  })
  return { prefix, arns }
}

/** An ARN in the words of cdk-nag's findings: `arn:<AWS::Partition>:…`, with the region and account where they are known. */
function asNagWritesIt(arn: string | { 'Fn::Join': [string, (string | { Ref: string })[]] }) {
  if (typeof arn === 'string') return arn
  return arn['Fn::Join'][1].map((part) => (typeof part === 'string' ? part : `<${part.Ref}>`)).join('')
}

// Billed by the request, which is TableV2's default.
const tableProps = ({ deletionProtection, removalPolicy }: Chosen) => ({
  partitionKey: { name: 'pk', type: AttributeType.STRING },
  timeToLiveAttribute: 'expiresAt',
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  deletionProtection,
  removalPolicy,
})
