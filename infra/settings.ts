import { Duration } from 'aws-cdk-lib'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Node } from 'constructs'
import * as z from 'zod'

const duration = z.iso.duration().transform(Duration.parse)

const Settings = z
  .strictObject({
    stage: z.string().regex(/^[A-Za-z0-9-]+$/),
    domain: z.strictObject({
      name: z.string().regex(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/, 'must be a host name in lower case'),
      certificateArn: z.string().startsWith('arn:'),
    }),
    publicBaseUrl: z.string().regex(/^https:\/\/[^/?#]+$/, 'must be https:// and a host, and nothing after it'),
    hubspot: z
      .strictObject({
        baseUrl: z.url(),
        apiVersion: z.enum(['v3', '2026-03', '2026-09']),
        requestLimit: z.int().positive(),
        requestShare: z.number().min(0.01).max(1),
        appBaseUrl: z.url(),
        scopes: z.array(z.string().regex(/^[\w.-]+$/)).min(1),
      })
      .partial(),
    unconfirmedAfter: duration,
    giveUpAfter: duration,
    tellSent: z.enum(['always', 'corrections']),
    logRetention: z.enum(RetentionDays),
    maxConcurrency: z.int().min(2).max(1000),
    throttle: z.strictObject({ rate: z.int().positive(), burst: z.int().positive() }),
    delivery: z.boolean(),
    receipts: z.boolean(),
    install: z.boolean(),
    alarmTopicArn: z.string().startsWith('arn:'),
    alarmSubscribers: z.array(z.union([z.email(), z.url({ protocol: /^https$/ })])),
    runbookUrl: z.url({ protocol: /^https$/ }),
    statusSenderArns: z.array(
      z.string().regex(/^arn:[a-z-]+:iam::\d{12}:(role|user)\/[\w+=,.@/-]+$/, 'must be a role or a user'),
    ),
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
