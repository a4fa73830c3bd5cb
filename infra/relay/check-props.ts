import { type Duration, RemovalPolicy, Token } from 'aws-cdk-lib'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Construct } from 'constructs'
import { arns, objectionToArn, objectionToKey, objectionToTopic } from './arn.ts'
import type { Domain } from './http-api.ts'
import { objectionsToKinds, PropsError } from './prop-kinds.ts'
import type { StatusRelayProps } from './props.ts'

/** What is wrong with one prop, as the rest of a sentence: `must be …`. */
type Objection = string | false | undefined

/** Throws an error that names every prop that is not as it has to be. What only the deployment knows passes. */
export function checkProps(scope: Construct, props: StatusRelayProps) {
  const ofKind = present(objectionsToKinds(props))
  // What a prop of another kind holds, nobody can say.
  const objections = ofKind.length > 0 ? ofKind : present(objectionsTo(scope, props))
  if (objections.length === 0) return
  const sentences = objections.map(([prop, objection]) => `- ${prop} ${objection}.`)
  throw new PropsError(`${scope.node.path} cannot be made of these props:\n${sentences.join('\n')}`)
}

const present = (objections: Record<string, Objection>) => Object.entries(objections).filter(([, one]) => one)

function objectionsTo(scope: Construct, props: StatusRelayProps): Record<string, Objection> {
  const { domain, hubspot = {}, throttle } = props
  return {
    'domain.name': unless(
      domain && (domain.name ?? ''),
      isHostName,
      'must be a host name in lower case, like relay.example.com',
    ),
    'domain.certificateArn': domain && objectionToCertificate(scope, domain),
    'domain.hostedZone': domain?.hostedZone && objectionToZone(domain.name, domain.hostedZone.zoneName),
    publicBaseUrl: unless(
      props.publicBaseUrl,
      isOrigin,
      'must be https:// and a host in lower case, and nothing after it',
    ),
    'hubspot.baseUrl': unless(hubspot.baseUrl, isBaseUrl, 'must be an https:// URL'),
    'hubspot.apiVersion': oneOf(hubspot.apiVersion, ['v3', '2025-09', '2026-03', '2026-09']),
    'hubspot.requestLimit': whole(hubspot.requestLimit, 1),
    'hubspot.requestShare': within(hubspot.requestShare, 0.01, 1),
    'hubspot.accessTokens.url': unless(
      hubspot.accessTokens && (hubspot.accessTokens.url ?? ''),
      isEndpoint,
      'must be an https:// URL',
    ),
    install:
      props.install === true &&
      hubspot.accessTokens !== undefined &&
      'must be false where hubspot.accessTokens gives access: the relay would keep tokens that nobody uses',
    'hubspot.appBaseUrl': unless(hubspot.appBaseUrl, isBaseUrl, 'must be an https:// URL'),
    'hubspot.scopes': unless(hubspot.scopes, areScopes, 'must be one or more scopes, each a text of its own'),
    deliverWithin: duration(props.deliverWithin),
    onSilence: oneOf(props.onSilence, ['sent', 'failed']),
    threadOrder: oneOf(props.threadOrder, ['on', 'off']),
    resend: oneOf(props.resend, ['ignore', 'send']),
    unconfirmedAfter: duration(props.unconfirmedAfter),
    giveUpAfter: duration(props.giveUpAfter),
    tellSent: oneOf(props.tellSent, ['always', 'corrections']),
    logRetention: unless(props.logRetention, isRetention, `must be one of ${retentions.join(', ')} days`),
    maxConcurrency: whole(props.maxConcurrency, 2, 1000),
    removalPolicy: oneOf(props.removalPolicy, removalPolicies),
    webhookReservedConcurrency: whole(props.webhookReservedConcurrency, 1),
    'throttle.rate': whole(throttle && (throttle.rate ?? Number.NaN), 1),
    'throttle.burst': whole(throttle && (throttle.burst ?? Number.NaN), 1),
    encryptionKey: objectionToKey(scope, props.encryptionKey),
    credentialsKey: objectionToKey(scope, props.credentialsKey),
    logEncryptionKey: objectionToKey(scope, props.logEncryptionKey),
    eventBus: props.eventBus && objectionToArn(props.eventBus.eventBusArn, arns.bus, scope),
    alarmTopic: objectionToTopic(scope, props.alarmTopic),
    alarmSubscribers: unless(
      props.alarmSubscribers,
      (all) => all.every(isSubscriber),
      'must be e-mail addresses or https:// URLs',
    ),
    runbookUrl: unless(
      props.runbookUrl,
      (text) => /^[^\s#]{1,400}$/.test(text),
      'must be a URL or a path, without spaces and without #',
    ),
  }
}

function objectionToCertificate(scope: Construct, { name, certificateArn, hostedZone }: Domain) {
  if (certificateArn !== undefined) return objectionToArn(certificateArn, arns.certificate, scope)
  if (unless(name, (text) => text.length <= 64, 'is long'))
    return 'must be given, since domain.name has over 64 characters'
  return !hostedZone && 'must be given where there is no domain.hostedZone to validate a certificate by'
}

function objectionToZone(name: string, zone: string) {
  const isIn = `.${name}`.endsWith(`.${zone.replace(/\.$/, '')}`)
  return !Token.isUnresolved(name) && !Token.isUnresolved(zone) && !isIn && `must be one that ${name} lies in`
}

/** An objection to a value for which something does not hold. */
function unless<T>(value: T | undefined, holds: (value: T) => boolean, objection: string): Objection {
  return value !== undefined && !Token.isUnresolved(value) && !holds(value) && objection
}

const oneOf = (value: string | undefined, values: string[]) =>
  unless(value, (one) => values.includes(one), `must be one of ${values.join(', ')}`)

const within = (value: number | undefined, min: number, max: number) =>
  unless(
    value,
    (number) => typeof number === 'number' && number >= min && number <= max,
    `must be a number from ${min} to ${max}`,
  )

function whole(value: number | undefined, min: number, max = Number.MAX_SAFE_INTEGER) {
  const range = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`
  const fits = (number: number) => Number.isInteger(number) && number >= min && number <= max
  return unless(value, fits, `must be a whole number ${range}`)
}

/** Longer than the longest that a queue keeps its messages, nobody waits; jobs count in whole seconds. */
const duration = (value: Duration | undefined) =>
  value?.isUnresolved() ? undefined : unless(value?.toMilliseconds(), isWholeSeconds, durationRange)

const maxDays = 14
/** What a duration has to be, as the rest of a sentence. */
export const durationRange = `must be whole seconds, at least one, and at most ${maxDays} days`
const isWholeSeconds = (milliseconds: number) =>
  milliseconds % 1000 === 0 && milliseconds >= 1000 && milliseconds <= maxDays * 86_400_000

// What a table can do when it leaves its stack.
const removalPolicies: string[] = [
  RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
  RemovalPolicy.RETAIN,
  RemovalPolicy.DESTROY,
]

const isHostName = (text: string) =>
  text.length <= 253 && /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/.test(text)
// Nobody signs or calls it in other letters, and Twilio calls no host with an underscore.
const isOrigin = (text: string) => /^https:\/\/[a-z0-9.-]+(:\d+)?$/.test(text) && URL.parse(text)?.origin === text
// Plain HTTP on loopback is for a relay that runs on this machine.
const isEndpoint = (text: string) =>
  /^https:\/\/[^\s#@]+$|^http:\/\/(127\.0\.0\.1|localhost)(:\d+)?(\/[^\s#@]*)?$/.test(text) && URL.canParse(text)
const isBaseUrl = (text: string) => isEndpoint(text) && !text.includes('?')
const isSubscriber = (text: string) =>
  Token.isUnresolved(text) ||
  (/^https:\/\/\S+$/.test(text) ? URL.canParse(text) : /^[^\s@:/]+@[^\s@:/]+\.[^\s@:/]+$/.test(text))
const areScopes = (all: string[]) =>
  all.length > 0 && all.every((one) => Token.isUnresolved(one) || /^[\w.-]+$/.test(one))

const retentions = Object.values(RetentionDays).filter((days) => typeof days === 'number')
const isRetention = (days: RetentionDays) => retentions.includes(days)
