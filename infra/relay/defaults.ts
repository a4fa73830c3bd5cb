import { Duration, RemovalPolicy } from 'aws-cdk-lib'
import { RetentionDays } from 'aws-cdk-lib/aws-logs'
import type { Throttle } from './http-api.ts'
import { hubspotDefaults } from './hubspot-props.ts'
import type { StatusRelayProps } from './props.ts'

/** The props with their defaults in place of what is left out. */
export type Chosen = Omit<StatusRelayProps, keyof Defaults> & Defaults
type Defaults = ReturnType<typeof defaults>

/** Fills in what is left out. */
export function withDefaults(props: StatusRelayProps): Chosen {
  const hubspot = { ...hubspotDefaults, ...given(props.hubspot ?? {}) }
  return { ...defaults(props), ...given(props), hubspot }
}

function defaults({ domain, hubspot }: StatusRelayProps) {
  return {
    publicBaseUrl: domain && (`https://${domain.name}` as string),
    deliverWithin: Duration.minutes(15),
    unconfirmedAfter: Duration.minutes(10),
    onSilence: 'sent' as NonNullable<StatusRelayProps['onSilence']>,
    threadOrder: 'on' as NonNullable<StatusRelayProps['threadOrder']>,
    resend: 'ignore' as NonNullable<StatusRelayProps['resend']>,
    giveUpAfter: Duration.hours(24),
    tellSent: 'always' as NonNullable<StatusRelayProps['tellSent']>,
    logRetention: RetentionDays.ONE_MONTH,
    maxConcurrency: 2,
    throttle: { rate: 500, burst: 1000 } as Throttle,
    delivery: true,
    receipts: true,
    install: hubspot?.accessTokens === undefined,
    removalPolicy: RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE,
    deletionProtection: false,
    alarmSubscribers: [] as string[],
    runbookUrl: 'docs/runbook.md',
    outputs: true,
    hubspot: hubspotDefaults,
  }
}

/** What is not undefined: a prop that is passed on as undefined is one that is left out. */
function given<Props extends object>(props: Props) {
  return Object.fromEntries(Object.entries(props).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Props]: Exclude<Props[Name], undefined>
  }
}
