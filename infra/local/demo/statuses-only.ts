import { race, type Scenario } from './scenarios.ts'

/** The same for a team that delivers by its own means and only sends statuses, over SQS or over HTTP. */
export const statusesOnly: Scenario[] = [
  {
    name: 'sent, then read',
    statuses: [
      { over: 'SQS', status: 'sent' },
      { over: 'SQS', status: 'read', afterMs: 2000 },
    ],
    expected: { told: 'READ', patches: race.ofTwo },
  },
  {
    name: 'failed, with a reason',
    statuses: [{ over: 'SQS', status: 'failed', reason: 'The customer has opted out' }],
    expected: { told: 'FAILED', errorMessage: 'The customer has opted out', patches: 1 },
  },
  {
    name: 'sent and delivered, over HTTP',
    statuses: [
      { over: 'HTTP', status: 'sent' },
      { over: 'HTTP', status: 'delivered' },
    ],
    expected: { told: 'SENT', patches: 1 },
  },
  {
    name: 'sent over SQS, failed over HTTP',
    statuses: [
      { over: 'SQS', status: 'sent' },
      { over: 'HTTP', status: 'failed', code: 'switched-off' },
    ],
    expected: { told: 'FAILED', errorMessage: 'The handset is switched off', patches: race.ofTwo },
  },
  {
    name: 'statuses twice, backwards',
    statuses: [
      { over: 'SQS', status: 'read', times: 2 },
      { over: 'SQS', status: 'failed', reason: 'Too late to matter' },
      { over: 'SQS', status: 'delivered', times: 2 },
      { over: 'SQS', status: 'sent' },
    ],
    expected: { told: 'READ', patches: race.ofFour },
  },
  {
    name: 'no status ever comes',
    expected: { told: 'nothing', patches: 0 },
  },
  {
    name: 'the webhook is lost',
    hubspot: { times: 0 },
    statuses: [{ over: 'SQS', status: 'sent' }],
    expected: { told: 'SENT', patches: 1 },
  },
  {
    name: 'the webhook comes twice',
    hubspot: { times: 2 },
    statuses: [{ over: 'SQS', status: 'sent' }],
    expected: { told: 'SENT', patches: 1 },
  },
  {
    name: 'a forged webhook',
    hubspot: { signing: 'forged' },
    expected: { told: 'nothing', patches: 0 },
  },
  {
    name: 'a forged status over HTTP',
    statuses: [
      { over: 'HTTP', status: 'failed', code: 'Not true', signing: 'forged' },
      { over: 'HTTP', status: 'delivered' },
    ],
    expected: { told: 'SENT', patches: 1 },
  },
  {
    name: 'a status that there is not',
    statuses: [{ over: 'SQS', status: 'bounced' }],
    expected: { told: 'nothing', patches: 0, deadLetters: 1 },
  },
  {
    name: 'HubSpot answers 429',
    hubspot: { faults: [{ answer: { status: 429 } }] },
    statuses: [{ over: 'SQS', status: 'sent' }],
    expected: { told: 'SENT', patches: 2 },
  },
  {
    name: 'HubSpot answers 500',
    hubspot: { faults: [{ answer: { status: 500, body: '<h1>Internal Server Error</h1>' } }] },
    statuses: [{ over: 'SQS', status: 'sent' }],
    expected: { told: 'SENT', patches: 2 },
  },
  {
    name: 'HubSpot answers 404 at first',
    hubspot: { faults: [{ answer: { status: 404 }, times: 2 }] },
    statuses: [{ over: 'SQS', status: 'sent' }],
    expected: { told: 'SENT', patches: 3 },
  },
]
