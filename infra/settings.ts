import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Node } from 'constructs'
import * as z from 'zod'
import { arns, objectionToArn } from './relay/arn.ts'
import { durationRange } from './relay/check-props.ts'
import { meant, unknownFields } from './unknown-fields.ts'

const duration = z
  .string()
  .regex(
    /^P(?=.)(\d+D)?(T(?=.)(\d+H)?(\d+M)?(\d+S)?)?$/,
    `must be an ISO 8601 duration of days, hours, minutes and seconds, like PT1H or P1DT30M, and ${durationRange.replace('must be ', '')}`,
  )
  .transform(Duration.parse)

const arn = (kind: keyof typeof arns) =>
  z.string().superRefine((text, { addIssue }) => {
    const objection = objectionToArn(text, arns[kind])
    if (objection) addIssue(objection)
  })

// What each may be, the construct says.
const Settings = z
  .strictObject({
    // In cdk.json it may be a number.
    // It becomes part of the stack's name, which may have 128 characters.
    stage: z.coerce.string().regex(/^[A-Za-z0-9-]{1,100}$/, 'must be letters, digits and hyphens, 100 at most'),
    domain: z.strictObject({
      name: z.string(),
      certificateArn: z.string().exactOptional(),
      hostedZone: z.strictObject({ id: z.string().regex(/^Z[A-Z0-9]+$/), name: z.string() }).exactOptional(),
    }),
    publicBaseUrl: z.string(),
    hubspot: z
      .strictObject({
        baseUrl: z.string(),
        apiVersion: z.enum(['v3', '2025-09', '2026-03', '2026-09']),
        requestLimit: z.number(),
        requestShare: z.number(),
        accessTokens: z.strictObject({ url: z.string() }),
        appBaseUrl: z.string(),
        scopes: z.array(z.string()),
      })
      .partial(),
    deliverWithin: duration,
    unconfirmedAfter: duration,
    onSilence: z.enum(['sent', 'failed']),
    threadOrder: z.enum(['on', 'off']),
    resend: z.enum(['ignore', 'send']),
    giveUpAfter: duration,
    tellSent: z.enum(['always', 'corrections']),
    logRetention: z.enum(RetentionDays),
    maxConcurrency: z.number(),
    webhookReservedConcurrency: z.number(),
    throttle: z.strictObject({ rate: z.number(), burst: z.number() }),
    delivery: z.boolean(),
    receipts: z.boolean(),
    install: z.boolean(),
    removalPolicy: z.enum(RemovalPolicy).exclude(['SNAPSHOT']),
    deletionProtection: z.boolean(),
    alarmTopicArn: arn('topic'),
    eventBus: z
      .string()
      .regex(/^(arn:.*|[\w./-]{1,256})$/, 'must be `default`, the name of a bus of EventBridge, or its ARN'),
    alarmSubscribers: z.array(z.string()),
    runbookUrl: z.string(),
    statusSenderArns: z.array(arn('sender')),
  })
  .partial()

/**
 * The relay's settings: the object `relay` in the context of `cdk.json`, and over it what the command line says, each
 * setting by its dotted name: `-c relay.stage=beta -c relay.hubspot.requestShare=0.5`. What is an object is merged,
 * `-c 'relay.hubspot={"apiVersion":"2026-03"}'`; `null` brings a setting back to its default.
 * They are named as in `StatusRelayProps`, which tells their meaning and defaults; durations are ISO 8601 (`PT1H`),
 * `logRetention` is in days, `eventBus` is the name or ARN of one, `alarmTopicArn` stands for `alarmTopic`, and each of `statusSenderArns` for a call of
 * `grantSendStatuses`.
 */
export function readSettings(node: Node) {
  const context: Record<string, unknown> = node.getAllContext()
  const strays = Object.keys(context).flatMap(strayed)
  if (strays.length > 0) throw new SettingsError(strays)
  const fromCommandLine = Object.entries(context)
    .filter(([key]) => key.startsWith('relay.'))
    .map(([key, value]) => ({
      path: key.split('.').slice(1),
      value: key === 'relay.stage' ? stageFrom(value) : fromJson(value),
    }))
    // What is said of a part counts beside what is said of the whole, in whatever order.
    .toSorted((a, b) => a.path.length - b.path.length)
  const given = fromCommandLine.reduce(
    (settings, { path, value }) => (isObject(settings) ? merged(settings, nested(path, value)) : settings),
    // On the command line, the whole object is a text in JSON.
    fromJson(node.tryGetContext('relay') ?? {}),
  )
  const result = Settings.safeParse(chosenOf(given), { error: asObjection })
  if (!result.success) throw new SettingsError(result.error.issues.flatMap(inSentences))
  return result.data
}

/** Settings that are not as they have to be, with a sentence for each. */
export class SettingsError extends Error {
  override name = 'SettingsError'
  constructor(sentences: string[]) {
    super(`The relay's settings are not right.\n${sentences.map((sentence) => `- ${sentence}`).join('\n')}`)
  }
}

/** What a key of the context that is not the relay's was probably meant to be; empty for CDK's own, and for others. */
function strayed(key: string) {
  if (key === 'relay' || key.startsWith('relay.')) return []
  const sentence = (path: string) => [`"${key}" is no setting. Did you mean "relay.${path}"?`]
  // `relay:stage`, `relay_stage`, `RELAY.stage`
  const [name = '', ...within] = /^\s*relay[\W_]*(\w.*)$/i.exec(key)?.[1]?.split(/[.:]/) ?? []
  const prefixed = name && settingMeant(name)
  if (prefixed) return sentence([prefixed, ...within].join('.'))
  if (/[@:/]/.test(key)) return []
  const [first = '', ...rest] = key.split('.')
  if (meant(first, ['relay'])) return [`"${key}" is no setting. Did you mean "${['relay', ...rest].join('.')}"?`]
  const setting = settingMeant(first)
  return setting ? sentence([setting, ...rest].join('.')) : []
}

/** The setting, or the one within another, that is probably meant: `hubspot.requestShare` by its last name alone, too. */
function settingMeant(name: string) {
  const outer = meant(name, Object.keys(Settings.shape))
  if (outer) return outer
  const within = Object.entries(Settings.shape).flatMap(([outer, schema]) => {
    const inner: unknown = schema.unwrap()
    return inner instanceof z.ZodObject
      ? Object.keys(inner.shape).map((name) => [name, `${outer}.${name}`] as const)
      : []
  })
  // A short one, `name` or `url`, may be anybody's.
  const inner = new Map(within.filter(([name]) => name.length > 5))
  return inner.get(meant(name, [...inner.keys()]) ?? '')
}

/** What zod objects to, as the rest of a sentence, where nothing else is said of it. */
function asObjection(issue: z.core.$ZodRawIssue) {
  if (issue.code === 'invalid_type') return `must be ${kinds[issue.expected] ?? `of type ${issue.expected}`}`
  if (issue.code === 'invalid_value') return `must be one of ${issue.values.join(', ')}`
  return undefined
}

const kinds: Record<string, string> = {
  array: 'a list, like ["…"]',
  boolean: 'true or false',
  number: 'a number',
  object: 'an object',
  string: 'a text',
}

/** An issue of zod's, as sentences that name the settings; of names that are not known, with those that are meant. */
function inSentences({ path, ...issue }: z.core.$ZodIssue): string[] {
  if (issue.code !== 'unrecognized_keys') return [`${path.join('.') || 'relay'} ${issue.message}.`]
  const unknown = nested(path.map(String), Object.fromEntries(issue.keys.map((key) => [key, 0])))
  const known = unknownFields(Settings, unknown)
  return issue.keys.map((key) => {
    const name = [...path, key].join('.')
    const here = known.find((field) => field.path === name)?.meant
    const meant = here ? [...path, here].join('.') : path.length === 0 && settingMeant(key)
    const suggestion = meant ? ` Did you mean "relay.${meant}"?` : ''
    return `"relay.${name}" is no setting.${suggestion}`
  })
}

const nested = (path: string[], value: unknown): unknown =>
  path.reduceRight((inner: unknown, name) => ({ [name]: inner }), value)

/** Objects are merged, everything else is replaced. */
function merged(before: unknown, over: unknown): unknown {
  if (!isObject(before) || !isObject(over)) return over
  const names = new Set([...Object.keys(before), ...Object.keys(over)])
  return Object.fromEntries(
    [...names].map((name) => [name, name in over ? merged(before[name], over[name]) : before[name]]),
  )
}

/** Without what is `null`, at any depth. */
function chosenOf(given: unknown): unknown {
  if (!isObject(given)) return given
  return Object.fromEntries(
    Object.entries(given)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => [name, chosenOf(value)]),
  )
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The stage is a name, also where it looks like a number: `1e3` is no 1000. */
function stageFrom(value: unknown) {
  const read = fromJson(value)
  return typeof read === 'number' ? value : read
}

/** The command line knows only strings: `true`, `20` and `{…}` are read as JSON, anything else as it stands. */
function fromJson(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
