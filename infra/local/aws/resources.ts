import type * as z from 'zod'
import { resolveIntrinsics } from './intrinsics.ts'
import type { Template } from './template.ts'

/** Where a local stack's resources are. */
export type Cloud = { region: string; accountId: string; awsUrl: string; apiUrl: string }

/** A resource with what stands in the template for it and in it. */
export type Resource<Properties> = {
  /** Its construct path below the stack: `Relay/deliver-message`. */
  name: string
  physicalName: string
  /** What `Ref` gives. */
  ref: string
  arn: string
  properties: Properties
}

/** The account that every resource of a local stack is in. */
export const accountId = '000000000000'

/** The ARN of a resource of this cloud: `arn:aws:sqs:us-east-1:000000000000:jobs`. */
export const arnOf = ({ region, accountId }: Cloud, service: string, resource: string) =>
  `arn:aws:${service}:${region}:${accountId}:${resource}`

/** The ARN of a secret; AWS adds six characters to its name, the same ones each time here. */
export const secretArn = (cloud: Cloud, name: string) => arnOf(cloud, 'secretsmanager', `secret:${name}-local0`)

/** The resources of a template, placed. */
export type Resources = ReturnType<typeof locateResources>

/** Gives the template's resources their names, and replaces what refers to them. */
export function locateResources(template: Template, cloud: Cloud) {
  const { region, accountId, awsUrl, apiUrl } = cloud
  const named = template.resources.map((resource) => {
    const physicalName = `${template.stackName}-${resource.logicalId}`
    return { ...resource, physicalName, attributes: attributesOf(resource.type, physicalName) }
  })

  /** What `Ref` and `Fn::GetAtt` stand for, in the kinds of resources whose references something needs. */
  function attributesOf(type: string, name: string): Record<string, string> {
    const arn = (service: string, resource: string) => arnOf(cloud, service, resource)
    const queueUrl = `${awsUrl}/${accountId}/${name}`
    switch (type) {
      case 'AWS::SQS::Queue':
        return { Ref: queueUrl, QueueUrl: queueUrl, QueueName: name, Arn: arn('sqs', name) }
      case 'AWS::DynamoDB::Table':
      case 'AWS::DynamoDB::GlobalTable':
        return {
          Ref: name,
          Arn: arn('dynamodb', `table/${name}`),
          StreamArn: arn('dynamodb', `table/${name}/stream/local`),
        }
      case 'AWS::SecretsManager::Secret':
        return { Ref: secretArn(cloud, name), Id: secretArn(cloud, name) }
      case 'AWS::Lambda::Function':
        return { Ref: name, Arn: arn('lambda', `function:${name}`) }
      case 'AWS::ApiGatewayV2::Api':
        return { Ref: name, ApiEndpoint: apiUrl }
      case 'AWS::IAM::Role':
        return { Ref: name, Arn: `arn:aws:iam::${accountId}:role/${name}` }
      case 'AWS::KMS::Key':
        return { Ref: name, Arn: arn('kms', `key/${name}`) }
      default:
        // Not run here, log groups for instance; what refers to them does not come to need them.
        return { Ref: name, Arn: arn((type.split('::')[1] ?? '').toLowerCase(), name) }
    }
  }

  const pseudoParameters: Record<string, string> = {
    'AWS::AccountId': accountId,
    'AWS::Partition': 'aws',
    'AWS::Region': region,
    'AWS::StackName': template.stackName,
    'AWS::URLSuffix': 'amazonaws.com',
  }
  const attributes = new Map(named.map((resource) => [resource.logicalId, resource.attributes]))
  const resolve = (value: unknown) =>
    resolveIntrinsics(value, (id, attribute) => pseudoParameters[id] ?? attributes.get(id)?.[attribute])

  return {
    /** The resources of these types. Throws where their properties are not what the local stack can run. */
    ofType<Schema extends z.ZodType>(schema: Schema, ...types: string[]): Resource<z.infer<Schema>>[] {
      return named
        .filter(({ type }) => types.includes(type))
        .map(({ name, physicalName, attributes: { Ref = '', Arn = Ref }, properties }) => ({
          name,
          physicalName,
          ref: Ref,
          arn: Arn,
          properties: schema.parse(resolve(properties)),
        }))
    },
    outputs: Object.fromEntries(
      Object.entries(template.outputs).map(([name, value]) => [name, String(resolve(value))]),
    ),
  }
}

/** Whether a resource goes by this name: its construct path, or the end of it. */
export const goesBy = (name: string) => (resource: { name: string }) => `/${resource.name}`.endsWith(`/${name}`)

/** The only resource that goes by this name. */
export function find<R extends { name: string }>(resources: R[], name: string): R {
  const [found, ...more] = resources.filter(goesBy(name))
  if (found && more.length === 0) return found
  const names = resources.map((resource) => resource.name).join(', ')
  throw new Error(`${found ? 'More than one' : 'None'} goes by the name ${name}. There are: ${names}.`)
}
