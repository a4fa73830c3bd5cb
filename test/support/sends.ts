import type { DeliveryJob } from '../../functions/messages/jobs.ts'
import type { SendOutcome } from '../../functions/messages/record.ts'
import { createFetchJson } from '../../functions/platform/fetch-json.ts'
import type { SendAdapter } from '../../functions/providers/provider.ts'

/** A message of an agent's. */
export const job: DeliveryJob = {
  v: 1,
  type: 'message',
  portalId: '243842089',
  channelId: '2300310',
  channelAccountId: '3000000001',
  messageId: 'message/1',
  integrationThreadIds: [],
  to: [{ deliveryIdentifier: { type: 'HS_PHONE_NUMBER', value: '+15550100002' } }],
  text: 'Grüße 👋',
  attachments: [],
  createdAt: '2026-11-22T12:00:00Z',
  traceId: 'request-1',
  original: '{}',
}

/** Makes the sends of a message over HTTP, one after another, as a new Lambda would: no connection stands yet. */
export async function makeSends<Account, Part>(
  adapter: SendAdapter<Account, Part>,
  holds: object,
  fields: Partial<DeliveryJob> = {},
  receiptsUrl?: string,
) {
  const account = adapter.account.parse(holds)
  const message = { ...job, ...fields }
  const plan = adapter.plan(message, account)
  if ('problem' in plan) throw new Error(plan.problem)
  const tools = { fetchJson: createFetchJson({ timeout: 5000 }), now: Date.now, signForHubSpot: async () => '' }
  const outcomes: SendOutcome[] = []
  for (const [index, part] of plan.sends.entries()) {
    const send = { job: message, part, index, of: plan.sends.length, receiptsUrl }
    outcomes.push(await adapter.send(send, account, tools))
  }
  return outcomes
}
