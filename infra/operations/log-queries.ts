import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda'
import { QueryDefinition, QueryString } from 'aws-cdk-lib/aws-logs'
import { Construct } from 'constructs'

const anyTrace = 'the trace id of any of its lines'

/** Whether a line says that something of a portal, a channel or an account failed, or waits. */
export const affectedLines =
  '(level in ["WARN", "ERROR"] or message = "Waiting" or ispresent(holds)) and (ispresent(portalId) or ispresent(channelId))'

/** The questions of the runbook, each as a query of CloudWatch Logs Insights over all of the relay's functions. */
export const questions = {
  'What happened to a message': {
    fields: [
      '@timestamp',
      'service',
      'message',
      'status',
      'source',
      'reason',
      'problem',
      'until',
      'attempt',
      'traceId',
    ],
    filterStatements: ['messageId = "the id that HubSpot gives it"'],
  },
  'What happened in one trace': {
    fields: ['@timestamp', 'service', 'message', 'messageId', 'status', 'reason', 'problem', 'until'],
    filterStatements: [`traceId = "${anyTrace}" or updateTraceId = "${anyTrace}"`],
  },
  'Which accounts are affected': {
    statsStatements: [
      'count(*) as times, latest(@timestamp) as last by portalId, channelId, channelAccountId, service, message',
    ],
    filterStatements: [affectedLines],
    sort: 'times desc',
  },
  'Why was a webhook rejected': {
    fields: ['@timestamp', 'why', 'url', 'headers.0', 'headers.1', 'headers.2'],
    filterStatements: ['message = "Webhook rejected"'],
  },
  'Why was a receipt rejected': {
    fields: ['@timestamp', 'why', 'statusCode', 'channelId', 'channelAccountId'],
    filterStatements: ['message = "Receipt rejected"'],
  },
  'Why did messages fail': {
    statsStatements: ['count(*) as messages by channelId, source, reason'],
    filterStatements: ['message = "Told HubSpot" and statusType = "FAILED"'],
    sort: 'messages desc',
  },
  'What waits, and for what': {
    // HubSpot's answers each have an id of their own.
    parseStatements: ['reason /^(?<why>.+?)(?:, correlationId .*)?$/'],
    statsStatements: [
      'count(*) as times, max(until) as last, max(attempt) as attempts by portalId, channelAccountId, why',
    ],
    filterStatements: ['message = "Waiting"'],
    sort: 'times desc',
  },
  'What became a dead letter': {
    fields: [
      '@timestamp',
      'service',
      'portalId',
      'channelId',
      'channelAccountId',
      'messageId',
      'reason',
      'attempts',
      'since',
    ],
    // The webhook's own among them: events that no consumer could read.
    filterStatements: ['message in ["Dead-lettered", "Unreadable event, kept among the dead letters"]'],
  },
  'Which portals give no access': {
    statsStatements: ['count(*) as times, latest(@timestamp) as last by portalId, reason'],
    filterStatements: ['reason like /No access to portal/'],
    sort: 'times desc',
  },
  'What went wrong': {
    fields: [
      '@timestamp',
      'service',
      'message',
      'error',
      'problem',
      'cause',
      'secret',
      'messageId',
      'traceId',
      'type',
      'record.status',
      'record.errorType',
      'record.requestId',
    ],
    // What Lambda itself says of a function has no level: that it ran out of time or memory, or ended by itself.
    filterStatements: [
      'level in ["ERROR", "CRITICAL", "FATAL"] or type like /^platform/ or message like /^A secret cannot be refreshed/',
    ],
  },
  'Which statuses came late': {
    fields: ['@timestamp', 'portalId', 'messageId', 'statusType', 'timeToTruth', 'tellingDelay', 'source'],
    filterStatements: ['message = "Told HubSpot" and ispresent(timeToTruth)'],
    sort: 'timeToTruth desc',
  },
} satisfies Record<string, ConstructorParameters<typeof QueryString>[0]>

/** Saves them in the account, under the relay's name. */
export function saveLogQueries(scope: Construct, identity: string, functions: LambdaFunction[]) {
  const home = new Construct(scope, 'LogQueries')
  for (const [question, query] of Object.entries(questions)) {
    new QueryDefinition(home, question.replaceAll(/\W+/g, ''), {
      // CloudWatch takes 255 characters.
      queryDefinitionName: `${identity.slice(-220)}/${question}`,
      queryString: new QueryString({ sort: '@timestamp desc', limit: 100, ...query }),
      logGroups: functions.map(({ logGroup }) => logGroup),
    })
  }
}
