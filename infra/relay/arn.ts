import { Stack, Token } from 'aws-cdk-lib'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import type { ITopic } from 'aws-cdk-lib/aws-sns'
import { RegionInfo } from 'aws-cdk-lib/region-info'
import type { Construct } from 'constructs'

/** What an ARN has to be. */
type Form = {
  service: string
  resource: RegExp
  is: string
  /** Where it may be of no other account than the stack. */
  isOfAccount?: true
}

/** The kinds of ARN that a relay is given. */
export const arns = {
  certificate: {
    service: 'acm',
    resource: /^certificate\/[\w-]+$/,
    is: 'a certificate of AWS Certificate Manager',
    isOfAccount: true,
  },
  key: { service: 'kms', resource: /^key\/[\w-]+$/, is: 'a key of KMS' },
  topic: { service: 'sns', resource: /^[\w-]{1,256}$/, is: 'a standard topic of SNS' },
  bus: { service: 'events', resource: /^event-bus\/[\w./-]{1,256}$/, is: 'a bus of EventBridge' },
  sender: { service: 'iam', resource: /^(role|user)\/([\w+=,.@-]+\/)*[\w+=,.@-]+$/, is: 'a role or a user' },
} satisfies Record<string, Form>

/**
 * Why a text is not the ARN of such a thing, in a few words; undefined where it is, or where only the deployment knows it.
 * What belongs to a region must be in that of the scope's stack: an alarm reaches no topic in another, an API uses no
 * certificate in another. Without a scope, any region will do.
 */
export function objectionToArn(arn: string, { service, resource, is, isOfAccount }: Form, scope?: Construct) {
  if (Token.isUnresolved(arn)) return undefined
  const [prefix, partition = '', ofService, region = '', account = '', ...rest] = arn.split(':')
  const isForm = prefix === 'arn' && /^aws[a-z-]*$/.test(partition) && /^\d{12}$/.test(account)
  const isRegional = service !== 'iam'
  const isRegion = isRegional ? /^[a-z]{2,4}(-[a-z]+)+-\d$/.test(region) : region === ''
  const { partition: partitionOfRegion = partition } = isRegional && isRegion ? RegionInfo.get(region) : {}
  const isPartition = partition === partitionOfRegion
  if (!isForm || !isPartition || ofService !== service || !isRegion || !resource.test(rest.join(':')))
    return `must be ${is}: arn:${isPartition ? 'aws' : partitionOfRegion}:${service}:${isRegional ? '<region>' : ''}:<account>:…`
  const here = scope && environmentOf(scope)
  if (isRegional && here?.region !== undefined && region !== here.region)
    return `must be in the region of the stack, ${here.region}`
  if (isOfAccount && here?.account !== undefined && account !== here.account)
    return `must be in the account of the stack, ${here.account}`
  return undefined
}

/** Where a scope is deployed to, as far as it is known: a stack that is bound to nothing goes where the CLI says. */
function environmentOf(scope: Construct) {
  const { region, account } = Stack.of(scope)
  return {
    region: Token.isUnresolved(region) ? process.env['CDK_DEFAULT_REGION'] : region,
    account: Token.isUnresolved(account) ? process.env['CDK_DEFAULT_ACCOUNT'] : account,
  }
}

/** Why a key is none. An alias is none: policies, which let a function use a key, know keys alone. */
export function objectionToKey(scope: Construct, key: IKey | undefined) {
  if (key?.keyArn.includes(':alias/')) return 'must be a key, and no alias, by which nothing may be allowed'
  return key && objectionToArn(key.keyArn, arns.key, scope)
}

/** Why a topic is none that alarms can notify. */
export function objectionToTopic(scope: Construct, topic: ITopic | undefined) {
  if (topic?.fifo) return `must be ${arns.topic.is}`
  // The policy of SNS's own key lets no alarm publish, and nobody can change it.
  if (topic?.masterKey?.keyArn.includes(':alias/aws/'))
    return 'must be encrypted by a key of your own, or not at all: the key of AWS lets no alarm publish'
  return topic && objectionToArn(topic.topicArn, arns.topic, scope)
}
