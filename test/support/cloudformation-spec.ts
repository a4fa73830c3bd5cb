import { isDeepStrictEqual } from 'node:util'
import { loadAwsServiceSpecSync } from '@aws-cdk/aws-service-spec'
import type { Property, PropertyType, Resource as ResourceSpec } from '@aws-cdk/service-spec-types'

const spec = loadAwsServiceSpecSync()

/** A resource of a template, as far as its schema speaks of it. */
type Resource = { Type: string; Properties?: Record<string, unknown> | undefined }

/** What CloudFormation's registry says of a type of resource. Throws for one that it does not know. */
function specOf(type: string): ResourceSpec {
  return spec.lookup('resource', 'cloudFormationType', 'equals', type).only()
}

/** Where a template differs from CloudFormation's schemas: properties, types, what is required, attributes referred to. */
export function violationsIn(resources: Record<string, Resource>): string[] {
  const own = Object.entries(resources).flatMap(([id, { Type, Properties = {} }]) =>
    ofObject(specOf(Type).properties, Properties, id),
  )
  return [...own, ...strayReferences(resources)]
}

/**
 * What CloudFormation would delete or replace, and lose with it, where one template takes the place of another: tables, queues,
 * keys, secrets, and the API, whose URL others know.
 */
export function lossesBetween(before: Record<string, Resource>, after: Record<string, Resource>): string[] {
  return Object.entries(before).flatMap(([id, { Type, Properties = {} }]) => {
    if (!lasting.test(Type)) return []
    const next = after[id]
    if (next?.Type !== Type) return [`${id} (${Type}) is gone`]
    return Object.entries(specOf(Type).properties).flatMap(([name, { causesReplacement }]) => {
      const isSame = isDeepStrictEqual(Properties[name], next.Properties?.[name])
      return causesReplacement === 'yes' && !isSame ? [`${id} (${Type}) is replaced for its ${name}`] : []
    })
  })
}

const lasting = /^AWS::(DynamoDB::\w*Table|SQS::Queue|KMS::Key|SecretsManager::Secret|ApiGatewayV2::(Api|DomainName))$/

function ofObject(properties: Record<string, Property>, value: Record<string, unknown>, path: string): string[] {
  const missing = Object.entries(properties).flatMap(([name, { required }]) =>
    required && value[name] === undefined ? [`${path}.${name} is missing`] : [],
  )
  const present = Object.entries(value).flatMap(([name, one]) => {
    const property = properties[name]
    return property ? ofType(property.type, one, `${path}.${name}`) : [`${path}.${name} is no property`]
  })
  return [...missing, ...present]
}

function ofType(type: PropertyType, value: unknown, path: string): string[] {
  if (isIntrinsic(value)) return []
  const wrong = [`${path} must be ${type.type}, and is ${JSON.stringify(value)}`]
  switch (type.type) {
    case 'string':
    case 'date-time':
      return typeof value === 'string' ? [] : wrong
    case 'number':
      return isNumber(value) ? [] : wrong
    case 'integer':
      return isNumber(value) && Number.isInteger(Number(value)) ? [] : wrong
    case 'boolean':
      return typeof value === 'boolean' || value === 'true' || value === 'false' ? [] : wrong
    case 'json':
      return isObject(value) || typeof value === 'string' ? [] : wrong
    case 'tag':
      return isObject(value) && typeof value['Key'] === 'string' && 'Value' in value ? [] : wrong
    case 'array':
      return Array.isArray(value) ? value.flatMap((one, at) => ofType(type.element, one, `${path}[${at}]`)) : wrong
    case 'map':
      return isObject(value)
        ? Object.entries(value).flatMap(([k, v]) => ofType(type.element, v, `${path}.${k}`))
        : wrong
    case 'ref':
      return isObject(value) ? ofObject(spec.get('typeDefinition', type.reference.$ref).properties, value, path) : wrong
    case 'union': {
      const each = type.types.map((one) => ofType(one, value, path))
      return each.some((violations) => violations.length === 0) ? [] : (each[0] ?? wrong)
    }
    default:
      return [`${path} has a type that is not known here: ${type.type}`]
  }
}

/** What refers to a resource that is not there, or to an attribute that it does not have. */
function strayReferences(resources: Record<string, Resource>) {
  const text = JSON.stringify(resources)
  const attributes = [...text.matchAll(/"Fn::GetAtt":\["(\w+)","([\w.]+)"\]/g)].flatMap(([, id = '', name = '']) => {
    const resource = resources[id]
    if (!resource) return [`${id}.${name} refers to no resource`]
    return name in specOf(resource.Type).attributes ? [] : [`${id}.${name} is no attribute of ${resource.Type}`]
  })
  const references = [...text.matchAll(/"Ref":"(\w+)"/g)].flatMap(([, id = '']) =>
    id in resources ? [] : [`${id} refers to no resource`],
  )
  return [...attributes, ...references]
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isNumber = (value: unknown) => typeof value === 'number' || (typeof value === 'string' && /^-?\d+$/.test(value))
const isIntrinsic = (value: unknown) =>
  isObject(value) && Object.keys(value).length === 1 && /^(Ref|Fn::\w+)$/.test(Object.keys(value)[0] ?? '')
