import { RemovalPolicy, Stack } from 'aws-cdk-lib'
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'

/** What the log groups of a relay have in common. */
export interface LogSettings {
  readonly retention: RetentionDays
  readonly encryptionKey: IKey | undefined
}

/** A log group, which goes with its stack. Without a name, CloudFormation makes one up. */
export function createLogGroup(scope: Construct, id: string, { retention, encryptionKey }: LogSettings, name?: string) {
  return new LogGroup(scope, id, {
    retention,
    removalPolicy: RemovalPolicy.DESTROY,
    ...(name && { logGroupName: name }),
    ...(encryptionKey && { encryptionKey }),
  })
}

/**
 * Lets CloudWatch Logs use a key for the log groups of a stack, which it has to be allowed before one is made. A key that is
 * imported keeps the policy that it has.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html
 */
export function letLogsUse(key: IKey, scope: Construct) {
  const stack = Stack.of(scope)
  key.addToResourcePolicy(
    new PolicyStatement({
      principals: [new ServicePrincipal(`logs.${stack.region}.${stack.urlSuffix}`)],
      actions: ['kms:Encrypt', 'kms:Decrypt', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:DescribeKey'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': stack.formatArn({ service: 'logs', resource: '*' }),
        },
      },
    }),
  )
}
