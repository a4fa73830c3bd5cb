import { Duration } from 'aws-cdk-lib'
import { HttpMethod } from 'aws-cdk-lib/aws-apigatewayv2'
import type { Construct } from 'constructs'
import type { Env } from '../../functions/oauth-install.lambda.ts'
import { createFunction } from './function.ts'
import type { Parts } from './parts.ts'
import { useOf } from './storage.ts'

/** What administrators open to connect their HubSpot account. */
export function createInstall(scope: Construct, parts: Parts) {
  const { chosen, api, appSecret, portals, answering } = parts
  const { hubspot } = chosen
  const lambda = createFunction(scope, 'oauth-install', {
    ...answering,
    // HubSpot may be asked three times while somebody waits for the page.
    timeout: Duration.seconds(25),
    environment: {
      APP_SECRET_ARN: appSecret.secretArn,
      PORTALS_TABLE_NAME: portals.table.tableName,
      HUBSPOT_BASE_URL: hubspot.baseUrl,
      HUBSPOT_API_VERSION: hubspot.apiVersion,
      HUBSPOT_APP_BASE_URL: hubspot.appBaseUrl,
      HUBSPOT_SCOPES: hubspot.scopes.join(' '),
      PUBLIC_BASE_URL: chosen.publicBaseUrl,
    } satisfies Env,
    may: {
      'secretsmanager:GetSecretValue': [appSecret.secretArn],
      'dynamodb:BatchGetItem': [portals.table.tableArn],
      'dynamodb:PutItem': [portals.table.tableArn],
      ...useOf(portals.key),
    },
  })
  api.route([HttpMethod.GET], ['/oauth/install', '/oauth/callback'], lambda)
}
