import { describe, expect, test } from 'vitest'
import { functionsOf, nameOf, type Properties, relayTemplate, resourcesOf } from './relay-template.ts'

const template = relayTemplate()
const queues = new Map(resourcesOf(template, 'AWS::SQS::Queue').map(([id, { Properties }]) => [id, Properties]))
const workQueues = [...queues].filter(([, queue]) => queue['RedrivePolicy'])
const mappings = resourcesOf(template, 'AWS::Lambda::EventSourceMapping').map(([, { Properties }]) => ({
  ...Properties,
  queue: queues.get(Properties['EventSourceArn']['Fn::GetAtt'][0])!,
  consumer: Object.values(functionsOf(template)).find(({ id }) => id === Properties['FunctionName'].Ref)!,
})) as Properties[]

test('each queue has one consumer', () => {
  expect(
    mappings.map(({ EventSourceArn, consumer }) => [nameOf(EventSourceArn), nameOf({ Ref: consumer['id'] })]),
  ).toEqual([
    ['StatusUpdatesQueue', 'updatestatusFunction'],
    ['DeliveriesQueue', 'delivermessageFunction'],
    ['HandOnsQueue', 'handonFunction'],
  ])
})

describe.each(mappings)('the consumer of $EventSourceArn.Fn::GetAtt.0', ({ queue, consumer, ...mapping }) => {
  test('has six times its timeout, and the batching window, before its messages are handed out again', () => {
    expect(queue['VisibilityTimeout']).toBeGreaterThanOrEqual(
      6 * consumer['Timeout'] + mapping['MaximumBatchingWindowInSeconds'],
    )
  })

  test('says which messages of a batch failed', () => {
    expect(mapping['FunctionResponseTypes']).toEqual(['ReportBatchItemFailures'])
  })

  // Lambda's loop detection would end a job that was sent again sixteen times, which is hours before it is given up.
  test('may be invoked by its own messages for as long as they wait', () => {
    expect(consumer['RecursiveLoop']).toBe('Allow')
  })

  test('is held back at its event source, not by reserved concurrency', () => {
    expect(mapping['ScalingConfig'].MaximumConcurrency).toBe(2)
    expect(consumer).not.toHaveProperty('ReservedConcurrentExecutions')
  })
})

test('in a new account, which may run ten functions at once, the consumers leave four for the webhook and receipts', () => {
  const atOnce = mappings.reduce((sum, { ScalingConfig }) => sum + ScalingConfig.MaximumConcurrency, 0)

  expect(mappings).toHaveLength(3)
  expect(atOnce).toBeLessThanOrEqual(10 - 4)
  // Lambda refuses any in such an account.
  for (const lambda of Object.values(functionsOf(template)))
    expect(lambda).not.toHaveProperty('ReservedConcurrentExecutions')
})

test('the webhook has concurrency of its own where that is chosen, and no other function', () => {
  const reserved = Object.entries(functionsOf(relayTemplate({ webhookReservedConcurrency: 20 }))).flatMap(
    ([name, { ReservedConcurrentExecutions: reserved }]) => (reserved === undefined ? [] : [[name, reserved]]),
  )

  expect(reserved).toEqual([['hubspot-webhook', 20]])
})

test('a PATCH that may have taken effect is not repeated within two minutes of a crash', () => {
  const mapping = mappings.find(({ EventSourceArn }) => nameOf(EventSourceArn) === 'StatusUpdatesQueue')!

  const earliestRepeat = mapping['queue'].VisibilityTimeout - mapping['consumer'].Timeout

  expect(earliestRepeat).toBeGreaterThanOrEqual(120)
  expect(mapping['queue'].VisibilityTimeout).toBeGreaterThanOrEqual(180)
})

test('a message to a customer does not wait for a batch to fill', () => {
  const mapping = mappings.find(({ EventSourceArn }) => nameOf(EventSourceArn) === 'DeliveriesQueue')!

  expect(mapping['MaximumBatchingWindowInSeconds']).toBe(0)
})

describe.each(workQueues)('%s', (id, queue) => {
  const { deadLetterTargetArn, maxReceiveCount } = queue['RedrivePolicy']

  test('has dead letters of its own, kept for 14 days', () => {
    const deadLetters = queues.get(deadLetterTargetArn['Fn::GetAtt'][0])!

    expect(deadLetters['MessageRetentionPeriod']).toBe(14 * 86_400)
    expect(deadLetters).not.toHaveProperty('RedrivePolicy')
  })

  test('a poller that Lambda throttles drives nothing into the dead letters for ten hours', () => {
    expect(maxReceiveCount * queue['VisibilityTimeout']).toBeGreaterThanOrEqual(10 * 3600)
  })

  test('its consumer knows how often SQS hands a job out', () => {
    const { consumer } = mappings.find(({ EventSourceArn }) => EventSourceArn['Fn::GetAtt'][0] === id)!

    expect(consumer['Environment'].Variables.MAX_RECEIVE_COUNT).toBe(String(maxReceiveCount))
  })
})

test('no two queues share their dead letters', () => {
  const targets = workQueues.map(([, queue]) => nameOf(queue['RedrivePolicy'].deadLetterTargetArn))

  expect(targets).toEqual(['StatusUpdatesDeadLetters', 'DeliveriesDeadLetters', 'HandOnsDeadLetters'])
})

test('a stopped consumer loses nothing for 14 days', () => {
  for (const [, queue] of workQueues) expect(queue['MessageRetentionPeriod']).toBe(14 * 86_400)
})

test.each([...queues])('%s is encrypted, standard, and takes messages of 1 MiB', (_, queue) => {
  expect(queue).toMatchObject({ SqsManagedSseEnabled: true, MaximumMessageSize: 2 ** 20 })
  expect(queue).not.toHaveProperty('FifoQueue')
})

test('no queue answers without TLS', () => {
  const denied = resourcesOf(template, 'AWS::SQS::QueuePolicy').flatMap(
    ([, { Properties }]) => Properties['PolicyDocument'].Statement as object[],
  )

  expect(denied).toHaveLength(queues.size)
  for (const statement of denied) {
    expect(statement).toMatchObject({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })
  }
})
