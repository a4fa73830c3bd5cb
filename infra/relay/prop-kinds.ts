import { Token } from 'aws-cdk-lib'

/** What a prop has to be for anything else to be said of it: TypeScript sees to that, JavaScript does not. */
const kinds = {
  boolean: { fits: (value: unknown) => typeof value === 'boolean', is: 'true or false' },
  object: {
    fits: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
    is: 'an object',
  },
  list: { fits: (value: unknown) => Array.isArray(value), is: 'a list' },
  duration: { fits: (value: unknown) => typeof Object(value).toSeconds === 'function', is: 'a Duration' },
  key: { fits: (value: unknown) => typeof Object(value).keyArn === 'string', is: 'a key of KMS' },
  topic: { fits: (value: unknown) => typeof Object(value).topicArn === 'string', is: 'a topic of SNS' },
  bus: { fits: (value: unknown) => typeof Object(value).eventBusArn === 'string', is: 'a bus of EventBridge' },
}

const kindOf: Record<string, keyof typeof kinds> = {
  domain: 'object',
  hubspot: 'object',
  'hubspot.accessTokens': 'object',
  'hubspot.scopes': 'list',
  throttle: 'object',
  deliverWithin: 'duration',
  unconfirmedAfter: 'duration',
  giveUpAfter: 'duration',
  delivery: 'boolean',
  receipts: 'boolean',
  install: 'boolean',
  outputs: 'boolean',
  deletionProtection: 'boolean',
  encryptionKey: 'key',
  credentialsKey: 'key',
  logEncryptionKey: 'key',
  alarmTopic: 'topic',
  eventBus: 'bus',
  alarmSubscribers: 'list',
}

/** What is wrong with the kinds of props, as the rest of a sentence for each: `must be …`. */
export function objectionsToKinds(props: object): Record<string, string> {
  const wrong = Object.entries(kindOf).flatMap(([name, kind]) => {
    const value = name.split('.').reduce((within: unknown, part) => Object(within)[part], props)
    const { fits, is } = kinds[kind]
    return value === undefined || Token.isUnresolved(value) || fits(value) ? [] : [[name, `must be ${is}`]]
  })
  return Object.fromEntries(wrong)
}

/** Props of which no relay can be made. */
export class PropsError extends Error {
  override name = 'PropsError'
}
