import * as z from 'zod'
import { type AwsAnswer, type AwsCall, errorAnswer } from './aws.ts'
import { arnOf, type Cloud, type Resources, secretArn } from './resources.ts'

/** What one statement of a policy lets one principal do on one resource, or forbids; `*` and `?` are wildcards. */
export type Grant = {
  effect: 'Allow' | 'Deny'
  /** The ARN of a role, or `*` for everybody. */
  principal: string
  action: string
  resource: string
  /** Only for items whose keys are all like one of these. */
  keys?: string[]
  /** Whether anything was decided by it so far. */
  used: boolean
}

/** IAM for the functions of a stack. */
export type Iam = {
  /** The grants of all policies. */
  grants: readonly Grant[]
  /** What was refused so far, in AWS's words. */
  denials: readonly string[]
  /** AWS's answer to a call that its caller's role does not allow; only the functions are checked. */
  authorize(call: AwsCall): AwsAnswer | undefined
  /** Throws what Lambda throws when it sets up an event source whose function may not read the queue. */
  requireEventSource(functionName: string, queueArn: string): void
  /** The same of a stream. */
  requireStreamSource(functionName: string, streamArn: string): void
}

/**
 * Judges calls by the roles of the template's functions and the policies of its queues, as AWS would: what is denied is
 * refused, what nothing allows as well. For a table under a key of the customer's, DynamoDB uses that key in the caller's
 * name. Throws where a policy has something that is not implemented here. `revoked` grants do not count.
 */
export function createIam(resources: Resources, cloud: Cloud, revoked: (grant: Grant) => boolean = () => false): Iam {
  const grants = grantsOf(resources).filter((grant) => !revoked(grant))
  const keyOfTable = keysOfTables(resources)
  const functions = resources.ofType(z.object({ Role: z.string() }), 'AWS::Lambda::Function')
  const roleOf = new Map(functions.map(({ physicalName, properties }) => [physicalName, properties.Role]))
  const denials: string[] = []

  /** Why a role may not do something, in AWS's words; undefined where it may. */
  function objection(role: string, [action, resource, keys = []]: Demand) {
    const deciding = grants.filter(
      (grant) =>
        (grant.principal === '*' || grant.principal === role) &&
        matches(grant.action.toLowerCase(), action.toLowerCase()) &&
        matches(grant.resource, resource) &&
        (grant.keys === undefined || keys.every((key) => grant.keys!.some((like) => matches(like, key)))),
    )
    for (const grant of deciding) grant.used = true
    if (deciding.some(({ effect }) => effect === 'Deny')) return 'with an explicit deny in a policy'
    return deciding.length > 0 ? undefined : `because no policy allows the ${action} action`
  }

  return {
    grants,
    denials,

    authorize(call) {
      const role = roleOf.get(call.caller)
      if (role === undefined) return undefined
      for (const demand of demandsOf(call, cloud, keyOfTable)) {
        const [action, resource] = demand
        const why = objection(role, demand)
        if (why === undefined) continue
        const user = `arn:aws:sts::${cloud.accountId}:assumed-role/${role.split('/').at(-1)}/${call.caller}`
        const sentence = `User: ${user} is not authorized to perform: ${action} on resource: ${resource} ${why}`
        denials.push(sentence)
        return errorAnswer(refusedBy[call.service], sentence)
      }
      return undefined
    },

    requireEventSource(functionName, queueArn) {
      const role = roleOf.get(functionName) ?? ''
      for (const operation of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes']) {
        if (objection(role, [`sqs:${operation}`, queueArn]) !== undefined)
          throw new Error(
            `The provided execution role does not have permissions to call ${operation} on SQS: ${functionName} on ${queueArn}`,
          )
      }
    },

    requireStreamSource(functionName, streamArn) {
      const role = roleOf.get(functionName) ?? ''
      for (const operation of ['GetRecords', 'GetShardIterator', 'DescribeStream', 'ListStreams']) {
        const resource = operation === 'ListStreams' ? '*' : streamArn
        if (objection(role, [`dynamodb:${operation}`, resource]) !== undefined)
          throw new Error(
            `Cannot access stream ${streamArn}. Please ensure the role can perform the ${operation} Action on your stream in IAM: ${functionName}`,
          )
      }
    },
  }
}

/** How each service refuses a call; SQS keeps the code of its older protocol. */
const refusedBy = {
  sqs: { error: 'AccessDenied', statusCode: 403 },
  dynamodb: { error: 'AccessDeniedException', statusCode: 400 },
  secretsmanager: { error: 'AccessDeniedException', statusCode: 400 },
  logs: { error: 'AccessDeniedException', statusCode: 400 },
  events: { error: 'AccessDeniedException', statusCode: 400 },
}

const Key = z.looseObject({ pk: z.object({ S: z.string() }).optional() })
const Batch = z.object({ Keys: z.array(Key).default([]) })
const Input = z.object({
  QueueUrl: z.string().optional(),
  TableName: z.string().optional(),
  IndexName: z.string().optional(),
  RequestItems: z.record(z.string(), Batch).optional(),
  SecretId: z.string().optional(),
  Entries: z.array(z.object({ EventBusName: z.string().optional() })).optional(),
  Item: Key.optional(),
  Key: Key.optional(),
})

/** An action, the resource that it is done on, and the keys of the items that it is about. */
type Demand = [action: string, resource: string, keys?: string[]]

/** What a call demands, each action with its resource. One that names no resource demands its action on everything. */
function demandsOf({ service, operation, body }: AwsCall, cloud: Cloud, keyOfTable: Map<string, string>): Demand[] {
  const {
    QueueUrl,
    TableName,
    IndexName,
    RequestItems = {},
    SecretId,
    Entries,
    Item,
    Key,
  } = Input.parse(JSON.parse(body))
  const arn = (name: string, toArn: (name: string) => string) => (name.startsWith('arn:') ? name : toArn(name))
  // A batch of SQS's demands what its single calls do.
  const action = `${service}:${service === 'sqs' ? operation.replace(/Batch$/, '') : operation}`

  if (QueueUrl !== undefined) return [[action, arnOf(cloud, 'sqs', QueueUrl.split('/').at(-1) ?? '')]]
  if (SecretId !== undefined) return [[action, arn(SecretId, (name) => secretArn(cloud, name))]]
  if (service === 'events')
    return (Entries ?? []).map(({ EventBusName = 'default' }) => [
      action,
      arn(EventBusName, (name) => arnOf(cloud, 'events', `event-bus/${name}`)),
    ])
  const tables = TableName === undefined ? Object.keys(RequestItems) : [TableName]
  if (tables.length === 0) return [[action, '*']]
  return tables.flatMap((named): Demand[] => {
    const table = arn(named, (name) => arnOf(cloud, 'dynamodb', `table/${name}`))
    const keys = [Item, Key, ...(RequestItems[named]?.Keys ?? [])].flatMap((one) => one?.pk?.S ?? [])
    const demand: Demand = [action, IndexName === undefined ? table : `${table}/index/${IndexName}`, keys]
    const key = keyOfTable.get(table)
    // DynamoDB may use the key for more; AWS's pages do not agree when. This is what it refuses calls for.
    return key === undefined ? [demand] : [demand, ['kms:Decrypt', key]]
  })
}

/** Whether a text is one that a pattern of IAM's stands for. */
export function matches(pattern: string, text: string) {
  const expression = expressions.get(pattern) ?? toExpression(pattern)
  expressions.set(pattern, expression)
  return expression.test(text)
}

// Each call is held against every grant of its role: a template has some hundred patterns.
const expressions = new Map<string, RegExp>()

function toExpression(pattern: string) {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return new RegExp(`^${source}$`, 's')
}

const OneOrMore = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat())

// Strict: what is not implemented here could allow or forbid something.
const notImplemented = (issue: { code?: string; keys?: string[] }) =>
  issue.code === 'unrecognized_keys'
    ? `The local stack does not implement ${issue.keys?.join(', ')} in a policy.`
    : undefined
const Condition = z
  .strictObject(
    {
      Bool: z.strictObject({ 'aws:SecureTransport': z.stringbool() }, { error: notImplemented }).optional(),
      'ForAllValues:StringLike': z
        .strictObject({ 'dynamodb:LeadingKeys': z.array(z.string()) }, { error: notImplemented })
        .optional(),
    },
    { error: notImplemented },
  )
  // Every call on loopback stands for one over TLS.
  .transform((condition) => ({
    holds: condition.Bool?.['aws:SecureTransport'] ?? true,
    keys: condition['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'],
  }))
const Statement = z.strictObject(
  {
    Sid: z.string().optional(),
    Effect: z.enum(['Allow', 'Deny']),
    Action: OneOrMore,
    Resource: OneOrMore,
    Condition: Condition.default({ holds: true, keys: undefined }),
    /** In the policy of a resource. */
    Principal: z.union([z.string(), z.record(z.string(), OneOrMore)]).optional(),
  },
  { error: notImplemented },
)
const PolicyDocument = z.object({ Statement: z.array(Statement) })
const Policy = z.object({ PolicyDocument, Roles: z.array(z.string()).default([]) })
const Role = z.strictObject(
  {
    AssumeRolePolicyDocument: z.unknown(),
    Policies: z.array(z.object({ PolicyDocument })).default([]),
    // It allows what no emulator sees: to write logs.
    ManagedPolicyArns: z.array(z.string().endsWith(':aws:policy/service-role/AWSLambdaBasicExecutionRole')).optional(),
    Description: z.unknown().optional(),
    Tags: z.unknown().optional(),
  },
  { error: notImplemented },
)

function grantsOf(resources: Resources): Grant[] {
  const roles = resources.ofType(Role, 'AWS::IAM::Role')
  const inline = roles.flatMap(({ arn, properties }) =>
    properties.Policies.flatMap(({ PolicyDocument }) => expand(PolicyDocument, arn)),
  )
  const attached = resources
    .ofType(Policy, 'AWS::IAM::Policy', 'AWS::IAM::ManagedPolicy')
    .flatMap(({ properties }) =>
      roles
        .filter(({ ref }) => properties.Roles.includes(ref))
        .flatMap(({ arn }) => expand(properties.PolicyDocument, arn)),
    )
  const ofQueues = resources
    .ofType(Policy, 'AWS::SQS::QueuePolicy')
    .flatMap(({ properties }) => expand(properties.PolicyDocument))
  return [...inline, ...attached, ...ofQueues]
}

/** The grants of a policy, to its role or else to those whom each statement names. */
function expand({ Statement }: z.infer<typeof PolicyDocument>, role?: string): Grant[] {
  return Statement.filter(({ Condition }) => Condition.holds).flatMap((statement) => {
    const { Effect, Action, Resource, Principal = {}, Condition } = statement
    const named = typeof Principal === 'string' ? [Principal] : (Principal['AWS'] ?? [])
    return (role === undefined ? named : [role]).flatMap((principal) =>
      Action.flatMap((action) =>
        Resource.map((resource) => ({
          ...{ effect: Effect, principal, action, resource, used: false },
          ...(Condition.keys && { keys: Condition.keys }),
        })),
      ),
    )
  })
}

const Encryption = z.object({ KMSMasterKeyId: z.string().optional() }).default({})
const EncryptedTable = z.object({
  SSESpecification: Encryption,
  /** Of a global table. */
  Replicas: z.array(z.object({ SSESpecification: Encryption })).default([]),
})

/** The customer's key of each table that has one; both by their ARNs. */
function keysOfTables(resources: Resources) {
  const tables = resources.ofType(EncryptedTable, 'AWS::DynamoDB::Table', 'AWS::DynamoDB::GlobalTable')
  return new Map(
    tables.flatMap(({ arn, properties: { SSESpecification, Replicas } }) => {
      const key = SSESpecification.KMSMasterKeyId ?? Replicas[0]?.SSESpecification.KMSMasterKeyId
      return key === undefined ? [] : [[arn, key] as const]
    }),
  )
}
