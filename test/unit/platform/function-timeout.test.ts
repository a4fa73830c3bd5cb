import { setTimeout } from 'node:timers/promises'
import type { Context } from 'aws-lambda'
import { expect, test } from 'vitest'
import * as z from 'zod'
import { consume } from '../../../functions/platform/consume.ts'
import { sqsEvent } from '../../support/sqs-event.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

test('an invocation that runs out of time is left to Lambda, which ends its process: nothing of it goes on later', async () => {
  const nowhere = { send: async () => {} }
  const handler = consume({
    version: 1,
    schema: z.unknown(),
    progress: z.looseObject({}),
    handle: () => new Promise(() => {}),
    tenantOf: () => '1',
    about: () => ({}),
    queue: nowhere,
    deadLetters: nowhere,
    telemetry: collectTelemetry().telemetry,
    giveUpAfterSeconds: 60,
    maxReceives: 5,
    now: Date.now,
    random: Math.random,
  })
  const event = sqsEvent([{ id: 'job', body: '{}', sentAt: Date.now(), receives: 1 }])
  const context = { getRemainingTimeInMillis: () => 20 } as Context

  const ended = (handler(event, context) as unknown as Promise<unknown>).then(
    () => 'ended',
    () => 'ended',
  )

  expect(await Promise.race([ended, setTimeout(60, 'still at it')])).toBe('still at it')
})
