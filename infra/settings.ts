import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Node } from 'constructs'
import * as z from 'zod'
import { arns, objectionToArn } from './arn.ts'
import { durationRange } from './check-props.ts'

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
    stage: z.string().regex(/^[A-Za-z0-9-]+$/, 'must be letters, digits and hyphens'),
    domain: z.strictObject({
      name: z.string(),
      certificateArn: z.string().exactOptional(),
      hostedZone: z.strictObject({ id: z.string().regex(/^Z[A-Z0-9]+$/), name: z.string() }).exactOptional(),
    }),
    publicBaseUrl: z.string(),
    hubspot: z
      .strictObject({
        baseUrl: z.string(),
        apiVersion: z.enum(['v3', '2026-03', '2026-09']),
        requestLimit: z.number(),
        requestShare: z.number(),
        appBaseUrl: z.string(),
        scopes: z.array(z.string()),
      })
      .partial(),
    unconfirmedAfter: duration,
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
    alarmSubscribers: z.array(z.string()),
    runbookUrl: z.string(),
    statusSenderArns: z.array(arn('sender')),
  })
  .partial()

/**
 * The relay's settings: the object `relay` in the context of `cdk.json`, and over it, one by one, what the command line
 * says: `-c relay.stage=beta -c relay.maxConcurrency=20 -c 'relay.hubspot={"apiVersion":"2026-03"}'`.
 * `null` brings a setting back to its default.
 * They are named as in `StatusRelayProps`, which tells their meaning and defaults; durations are ISO 8601 (`PT1H`),
 * `logRetention` is in days, `alarmTopicArn` stands for `alarmTopic`, and each of `statusSenderArns` for a call of
 * `grantSendStatuses`.
 */
export function readSettings(node: Node) {
  const fromCommandLine = Object.entries<unknown>(node.getAllContext())
    .filter(([key]) => key.startsWith('relay.'))
    .map(([key, value]) => [key.slice('relay.'.length), fromJson(value)])
  const given = { ...node.tryGetContext('relay'), ...Object.fromEntries(fromCommandLine) }
  const chosen = Object.entries(given).filter(([, value]) => value !== null)
  const result = Settings.safeParse(Object.fromEntries(chosen))
  if (!result.success) throw new Error(`The relay's settings are not right.\n${z.prettifyError(result.error)}`)
  return result.data
}

/** The command line knows only strings: `true`, `20` and `{…}` are read as JSON, anything else as it stands. */
function fromJson(value: unknown) {
  try {
    return JSON.parse(String(value))
  } catch {
    return value
  }
}
