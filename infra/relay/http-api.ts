import { AccessLogFormat } from 'aws-cdk-lib/aws-apigateway'
import {
  DomainName,
  HttpApi,
  type HttpMethod,
  HttpStage,
  LogGroupLogDestination,
  SecurityPolicy,
} from 'aws-cdk-lib/aws-apigatewayv2'
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations'
import { Certificate, CertificateValidation } from 'aws-cdk-lib/aws-certificatemanager'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import type { LogGroup } from 'aws-cdk-lib/aws-logs'
import { ARecord, type IHostedZone, RecordTarget } from 'aws-cdk-lib/aws-route53'
import { ApiGatewayv2DomainProperties } from 'aws-cdk-lib/aws-route53-targets'
import { Construct } from 'constructs'
import { acknowledge } from './acknowledge.ts'
import { createLogGroup, type LogSettings } from './log-group.ts'

/** What an API's one stage is given. */
export interface PublicApiProps {
  /** The relay's name. */
  readonly identity: string
  /** Requests beyond these are answered 429 without reaching a function. */
  readonly throttle: Throttle
  readonly logs: LogSettings
  readonly domain?: Domain | undefined
}

/** A domain name of the team's own. */
export interface Domain {
  /** Like `relay.example.com`. */
  readonly name: string
  /**
   * Its certificate in AWS Certificate Manager, in the region of the stack.
   *
   * @default - one that the hosted zone validates
   */
  readonly certificateArn?: string
  /**
   * The hosted zone of Route 53 that gets its DNS record.
   *
   * @default - none, the record is the team's to make, an alias or a CNAME of `domainTarget`
   */
  readonly hostedZone?: IHostedZone
}

/** How many requests an API takes. */
export interface Throttle {
  /** Requests per second, on average. */
  readonly rate: number
  /** Requests at once. */
  readonly burst: number
}

/** What HubSpot and the providers call over HTTPS. Open to all: each function checks the signature of its caller. */
export class PublicApi extends Construct {
  /** `https://` and the host that API Gateway made up, without a slash at the end. */
  readonly url: string
  readonly api: HttpApi
  /** Who called what, with what result. */
  readonly accessLogs: LogGroup
  /** What the DNS record of the domain has to point to; undefined without one. */
  readonly domainTarget: string | undefined

  constructor(scope: Construct, id: string, { identity, throttle, logs, domain }: PublicApiProps) {
    super(scope, id)
    this.api = new HttpApi(this, 'Api', { apiName: identity.slice(-128), createDefaultStage: false })
    // Where groups have names of their own, each lengthens a policy of the account that has room for few of them.
    this.accessLogs = createLogGroup(this, 'AccessLogs', logs, `/aws/vendedlogs/${identity}/access`)
    const domainName = domain && createDomain(this, domain)
    this.url = this.api.apiEndpoint
    this.domainTarget = domainName?.regionalDomainName
    acknowledge(this.api, {
      id: 'AwsSolutions::AwsSolutions-APIG4',
      reason:
        'HubSpot and the providers sign the body, which no authorizer of API Gateway sees; the functions check it.',
    })
    new HttpStage(this, 'Stage', {
      httpApi: this.api,
      autoDeploy: true,
      ...(domainName && { domainMapping: { domainName } }),
      throttle: { rateLimit: throttle.rate, burstLimit: throttle.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(this.accessLogs),
        format: AccessLogFormat.custom(JSON.stringify(accessLogLine)),
      },
    })
  }

  /** Has a function answer requests to these paths. */
  route(methods: HttpMethod[], paths: string[], handler: IFunction) {
    const integration = new HttpLambdaIntegration('Integration', handler)
    for (const path of paths) this.api.addRoutes({ path, methods, integration })
  }
}

function createDomain(scope: Construct, { name, certificateArn, hostedZone }: Domain) {
  const certificate = certificateArn
    ? Certificate.fromCertificateArn(scope, 'Certificate', certificateArn)
    : new Certificate(scope, 'OwnCertificate', {
        domainName: name,
        validation: CertificateValidation.fromDns(hostedZone),
      })
  const domainName = new DomainName(scope, 'Domain', {
    domainName: name,
    certificate,
    securityPolicy: SecurityPolicy.TLS_1_2,
  })
  const { regionalDomainName, regionalHostedZoneId } = domainName
  if (hostedZone)
    new ARecord(scope, 'Record', {
      zone: hostedZone,
      // With a dot at its end, it is not taken for a name within the zone.
      recordName: `${name}.`,
      target: RecordTarget.fromAlias(new ApiGatewayv2DomainProperties(regionalDomainName, regionalHostedZoneId)),
    })
  return domainName
}

/** No query strings and no bodies, and nothing that callers word themselves: the route instead of the path. */
const accessLogLine = {
  requestId: '$context.requestId',
  time: '$context.requestTime',
  sourceIp: '$context.identity.sourceIp',
  route: '$context.routeKey',
  status: '$context.status',
  responseMilliseconds: '$context.responseLatency',
  functionStatus: '$context.integration.integrationStatus',
  functionMilliseconds: '$context.integrationLatency',
  // API Gateway's own words, where it could not invoke the function.
  problem: '$context.integrationErrorMessage',
}
