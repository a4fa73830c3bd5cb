import { ArnFormat, RemovalPolicy, SecretValue, Stack, Validations } from 'aws-cdk-lib'
import { AttributeType, type CfnGlobalTable, TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import { Key } from 'aws-cdk-lib/aws-kms'
import { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { Construct } from 'constructs'

/** The ledger: one item per message, with the status known, what HubSpot was told, and what was done when. */
export function createLedger(scope: Construct, chosen: Lasting) {
  return new TableV2(scope, 'Ledger', tableProps(chosen))
}

/** The portals: each one's OAuth tokens, under a key of its own, and its rate limiter. */
export function createPortals(scope: Construct, chosen: Lasting) {
  const key = new Key(scope, 'PortalsKey', {
    enableKeyRotation: true,
    description: 'Encrypts HubSpot OAuth tokens',
    removalPolicy: kept,
  })
  const table = new TableV2(scope, 'Portals', tableProps(chosen))
  // What TableEncryptionV2.customerManagedKey would say, which CDK allows only in a stack that is bound to one region.
  const resource = table.node.defaultChild as CfnGlobalTable
  resource.sseSpecification = { sseEnabled: true, sseType: 'KMS' }
  resource.addPropertyOverride('Replicas.0.SSESpecification.KMSMasterKeyId', key.keyArn)
  return { table, key }
}

/** What reading and writing a table under a key takes: what CDK's own grants give. AWS's pages name less, and do not agree. */
export function useOf({ keyArn }: Key) {
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
export function createAppSecret(scope: Construct) {
  const secret = new Secret(scope, 'AppSecret', {
    description: 'The HubSpot app: clientId, and clientSecrets with the current one first',
    secretStringValue: SecretValue.unsafePlainText(JSON.stringify({ clientId: '', clientSecrets: [] })),
    removalPolicy: kept,
  })
  Validations.of(secret).acknowledge({
    id: 'AwsSolutions::AwsSolutions-SMG4',
    reason: 'Client secrets are rotated in HubSpot, by hand; clientSecrets holds the previous one meanwhile.',
  })
  return secret
}

/** Where operators keep the providers' credentials: one secret per channel account or channel, named `{prefix}{id}`. */
export function channelSecrets(scope: Construct) {
  const stack = Stack.of(scope)
  const prefix = `${stack.stackName}/channels/`
  const arns = stack.formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: `${prefix}*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  })
  // cdk-nag's way of writing an ARN.
  const arnPrefix = 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>'
  Validations.of(scope).acknowledge({
    id: `AwsSolutions::AwsSolutions-IAM5[Resource::${arnPrefix}:secret:${prefix}*]`,
    reason: 'Operators add channels without deploying anew, and Secrets Manager ends every ARN in random characters.',
  })
  return { prefix, arns }
}

/** How well what is kept is protected from being deleted. */
type Lasting = { readonly deletionProtection: boolean }

/** What outlives its stack, unless the deployment that made it failed: then it is empty. */
const kept = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE

// Billed by the request, which is TableV2's default.
const tableProps = ({ deletionProtection }: Lasting) => ({
  partitionKey: { name: 'pk', type: AttributeType.STRING },
  timeToLiveAttribute: 'expiresAt',
  pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
  deletionProtection,
  removalPolicy: kept,
})
