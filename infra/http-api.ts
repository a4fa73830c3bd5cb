import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib'
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
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager'
import type { IFunction } from 'aws-cdk-lib/aws-lambda'
import { LogGroup, type RetentionDays } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'

/** What an API's one stage is given. */
export interface PublicApiProps {
  /** Requests beyond these are answered 429 without reaching a function. */
  readonly throttle: Throttle
  readonly logRetention: RetentionDays
  readonly domain?: Domain | undefined
}

/** A domain name of the team's own. */
export interface Domain {
  /** `relay.example.com`. Its DNS record is the team's to make, an alias or a CNAME of the output `DomainTarget`. */
  readonly name: string
  /** Its certificate in AWS Certificate Manager, in the region of the stack. */
  readonly certificateArn: string
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
  /** What CloudWatch knows it by. */
  readonly id: string
  /** What the DNS record of the domain has to point to; undefined without one. */
  readonly domainTarget: string | undefined
  readonly #api: HttpApi

  constructor(scope: Construct, id: string, { throttle, logRetention, domain }: PublicApiProps) {
    super(scope, id)
    this.#api = new HttpApi(this, 'Api', { apiName: Stack.of(this).stackName, createDefaultStage: false })
    const domainName =
      domain &&
      new DomainName(this, 'Domain', {
        domainName: domain.name,
        certificate: Certificate.fromCertificateArn(this, 'Certificate', domain.certificateArn),
        securityPolicy: SecurityPolicy.TLS_1_2,
      })
    this.url = this.#api.apiEndpoint
    this.id = this.#api.apiId
    this.domainTarget = domainName?.regionalDomainName
    Validations.of(this.#api).acknowledge({
      id: 'AwsSolutions::AwsSolutions-APIG4',
      reason:
        'HubSpot and the providers sign the body, which no authorizer of API Gateway sees; the functions check it.',
    })
    new HttpStage(this, 'Stage', {
      httpApi: this.#api,
      autoDeploy: true,
      ...(domainName && { domainMapping: { domainName } }),
      throttle: { rateLimit: throttle.rate, burstLimit: throttle.burst },
      accessLogSettings: {
        destination: new LogGroupLogDestination(
          new LogGroup(this, 'AccessLogs', { retention: logRetention, removalPolicy: RemovalPolicy.DESTROY }),
        ),
        format: AccessLogFormat.custom(JSON.stringify(accessLogLine)),
      },
    })
  }

  /** Has a function answer requests to these paths. */
  route(methods: HttpMethod[], paths: string[], handler: IFunction) {
    const integration = new HttpLambdaIntegration('Integration', handler)
    for (const path of paths) this.#api.addRoutes({ path, methods, integration })
  }
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
}
