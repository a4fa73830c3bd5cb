import { beforeEach, describe, expect, test } from 'vitest'
import type { SendOutcome } from '../../functions/messages/record.ts'
import { SecretUnavailable } from '../../functions/platform/fetch-secret.ts'
import { gzip } from '../../functions/platform/queue.ts'
import { RetryableError } from '../../functions/platform/retry.ts'
import { AccountError, ProviderError } from '../../functions/providers/verdict.ts'
import { createWorld, delivery, update, type World, workOff } from '../support/world.ts'

let world: World
beforeEach(() => {
  world = createWorld()
})

const deliver = (fields = {}) => world.deliveries.send(delivery(fields), { group: '1' })
const sends = () => world.provider.sends.length
const held = () => world.hubspot.held.get('m')
const told = () => world.hubspot.patches.map(({ statusType }) => statusType)

describe('what came of the send', () => {
  test('sent: HubSpot is told SENT', async () => {
    await deliver()
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test.each(['delivered', 'read'] as const)('%s at once: told as it is', async (status) => {
    world.provider.send = async () => ({ outcome: 'sent', status })
    await deliver()
    await world.rest()

    expect(held()).toEqual({ statusType: status === 'read' ? 'READ' : 'SENT' })
  })

  test('rejected: HubSpot is told FAILED and the reason, without the phone number in it', async () => {
    world.provider.send = async () => ({ outcome: 'rejected', reason: '+1 555 010 0123 has opted out (21610)' })
    await deliver()
    await world.rest()

    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: '[number] has opted out (21610)' })
    expect(sends()).toBe(1)
  })

  test('try later: sent once the provider takes it, and told once', async () => {
    let refusals = 3
    world.provider.send = async () => {
      if (refusals-- > 0) throw new RetryableError('the provider is down')
      return { outcome: 'sent', status: 'sent' }
    }
    await deliver()
    await world.rest()

    expect(sends()).toBe(4)
    expect(world.hubspot.patches).toHaveLength(1)
  })

  test.each([
    ['sent', 'SENT', undefined],
    ['failed', 'FAILED', expect.stringContaining('did not confirm')],
  ] as const)(
    'accepted, and no receipt comes: told by the deadline as %s, and counted',
    async (silenceMeans, statusType, errorMessage) => {
      world = createWorld({ silenceMeans })
      world.provider.send = async () => ({ outcome: 'sent', status: 'accepted' })
      await deliver()
      const start = world.now()
      await world.rest()

      expect(held()).toEqual({ statusType, ...(errorMessage !== undefined && { errorMessage }) })
      expect(world.hubspot.patches[0]!.at - start).toBeGreaterThanOrEqual(3_600_000)
      expect(world.counts['ReceiptsMissing']).toBe(1)
    },
  )

  test('a receipt in time leaves no silence to be counted, and one that comes later outranks it', async () => {
    world.provider.send = async () => ({ outcome: 'sent', status: 'accepted' })
    for (const messageId of ['m', 'late']) await deliver({ messageId })
    await world.step()
    await world.statusUpdates.send(update('delivered'), { group: '1' })
    await world.rest()
    expect(world.counts['ReceiptsMissing']).toBe(1)

    await world.statusUpdates.send(update('failed', { messageId: 'late', reason: 'No such number' }), { group: '1' })
    await world.rest()
    expect(world.hubspot.held.get('late')).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
  })

  test('a send whose own answer was lost is not confirmed, whatever silence means', async () => {
    world.provider.send = async () => ({ outcome: 'in doubt' })
    await deliver()
    await world.rest()

    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })
    expect(world.counts).not.toHaveProperty('ReceiptsMissing')
  })

  test('unknown: never sent again, told as unconfirmed at the deadline', async () => {
    world.provider.send = async () => ({ outcome: 'in doubt' })
    await deliver()
    await deliver()
    await world.rest()

    expect(sends()).toBe(1)
    expect(held()).toMatchObject({ statusType: 'FAILED' })
  })

  test('what counts from a deadline on happened then, not when it was queued', async () => {
    world.provider.send = async () => ({ outcome: 'in doubt' })
    const at = new Date(world.now() + 3_600_000).toISOString()
    await deliver()
    await world.rest()

    const { timeline } = world.ledgerTable.items.get('1#2#m') as { timeline: object[] }
    expect(timeline).toContainEqual({ at, what: 'unconfirmed', source: 'relay' })
  })

  test('a receipt outranks the verdict of the deadline, before and after it', async () => {
    world.provider.send = async () => ({ outcome: 'in doubt' })
    await deliver()
    await world.step()
    const receipt = {
      v: 1,
      portalId: '1',
      channelId: '2',
      messageId: 'm',
      source: 'x',
      occurredAt: '2026-11-22T12:00:00Z',
    }
    await world.statusUpdates.send({ ...receipt, status: 'delivered' }, { group: '1' })
    await world.rest()

    expect(world.hubspot.patches.map(({ statusType }) => statusType)).toEqual(['SENT'])
  })

  test('not sent for a quarter of an hour: FAILED with the reason, not sent any more, and the job among the dead letters', async () => {
    world.provider.send = async () => {
      throw new ProviderError('The endpoint answered HTTP 503')
    }
    await deliver()
    const start = world.now()
    await world.rest()

    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: 'Not sent: The endpoint answered HTTP 503' })
    const minutes = (world.hubspot.patches[0]!.at - start) / 60_000
    expect(minutes).toBeGreaterThanOrEqual(15)
    expect(minutes).toBeLessThanOrEqual(30)
    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([
      {
        deadLetter: { reason: 'Given up after 15 minutes: The endpoint answered HTTP 503' },
        job: { messageId: 'm', text: 'Hello' },
      },
    ])
    const made = sends()
    await world.rest()
    expect(sends()).toBe(made)
  })

  test.each([
    ['a secret', new SecretUnavailable('Secret 3 is invalid: authTokens.0: expected string')],
    [
      'AWS',
      Object.assign(new Error('Table status-relay-ledger is over its limit'), { name: 'Throttling', $metadata: {} }),
    ],
  ])('given up for %s, the reason is for operators, and the agent reads of a technical fault', async (_, error) => {
    world.accounts.error = error
    await deliver()
    await world.rest()

    expect(held()).toEqual({
      statusType: 'FAILED',
      errorMessage: 'Not sent, because of a technical fault. Send it again.',
    })
    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([
      {
        deadLetter: { reason: expect.stringMatching(/^Given up after 15 minutes: (Secret 3 is invalid|AWS answered)/) },
      },
    ])
  })

  test('a crash is logged by its name and its place, without its message, which may quote what was read', async () => {
    world.provider.send = async ({ text }) => JSON.parse(`${text}, Jane`)
    await deliver()
    await world.step()

    expect(world.lines).toContainEqual(
      expect.objectContaining({
        level: 'error',
        error: 'SyntaxError',
        at: expect.stringMatching(/^at .+:\d+:\d+\)?$/),
      }),
    )
    expect(JSON.stringify(world.lines)).not.toMatch(/Hello|Jane/)
  })

  test('a provider that is not reached is named to the agent, its host only to operators', async () => {
    world.provider.send = async () => {
      throw new ProviderError('The endpoint gave no answer', { detail: 'POST hooks.test: ECONNREFUSED' })
    }
    await deliver()
    await world.rest()

    expect(held()).toMatchObject({ errorMessage: 'Not sent: The endpoint gave no answer' })
    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([
      {
        deadLetter: { reason: expect.stringContaining('The endpoint gave no answer (POST hooks.test: ECONNREFUSED)') },
      },
    ])
  })

  test('given up where the last try of its first send may have been made: only that is not confirmed, all at once', async () => {
    world = createWorld({ isIdempotent: true, giveUpAfterSeconds: 0 })
    world.provider.parts = 2
    world.provider.send = async () => {
      throw new RetryableError('no answer', { inDoubt: true })
    }
    await deliver()
    world.pass(1)
    await world.step()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      parts: [
        { known: 'unconfirmed', reason: expect.stringContaining('may or may not have arrived') },
        { known: 'unconfirmed', reason: expect.stringMatching(/^Not sent/) },
      ],
    })
  })

  test('given up where the last try may have been made: told as not confirmed, not as not sent', async () => {
    world = createWorld({ isIdempotent: true })
    world.provider.send = async () => {
      throw new RetryableError('no answer', { inDoubt: true })
    }
    await deliver()
    await world.rest()

    expect(held()).toMatchObject({
      statusType: 'FAILED',
      errorMessage: expect.stringContaining('may or may not have arrived'),
    })
  })

  test('an account that is set up wrongly is counted at each try, and given up as soon', async () => {
    world.accounts.found = false
    const written: object[] = []
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = (item) => {
      written.push(item)
      return put(item)
    }
    await deliver()
    await world.step()
    expect(world.counts['AccountErrors']).toBe(1)
    await world.rest()

    expect(held()).toEqual({
      statusType: 'FAILED',
      errorMessage: 'Not sent: No messaging account is set up for this channel',
    })
    expect(written).toContainEqual(
      expect.objectContaining({ waiting: expect.objectContaining({ isAccountError: true }) }),
    )
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ givenUp: { what: 'delivery' } })
    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([
      { deadLetter: { reason: expect.stringMatching(/ for this channel \(no secret\)$/) } },
    ])
  })

  test('a given-up message that is redriven and sent corrects the status', async () => {
    world.provider.send = async () => {
      throw new RetryableError('down')
    }
    await deliver()
    await world.rest()
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.deliveries.send(world.deliveriesDeadLetters.jobs()[0]!, { group: '1' })
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('and that takes fewer sends by then is told by those alone', async () => {
    world.provider.parts = 3
    world.provider.send = async () => {
      throw new RetryableError('down')
    }
    await deliver()
    await world.rest()
    expect(held()).toMatchObject({ statusType: 'FAILED' })
    world.provider.parts = 2
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.deliveries.send(world.deliveriesDeadLetters.jobs()[0]!, { group: '1' })
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('what it waits for, and until when, is in the ledger until it goes out', async () => {
    world.provider.send = async () => {
      if (sends() > 1) return { outcome: 'sent', status: 'sent' }
      throw new RetryableError('The provider is busy', { notBefore: world.now() + 60_000 })
    }
    await deliver()
    await world.step()

    const until = new Date(world.now() + 60_000).toISOString()
    expect(world.ledgerTable.items.get('1#2#m')?.['waiting']).toEqual({
      what: 'delivery',
      reason: 'The provider is busy',
      until,
    })

    await world.rest()
    expect(world.ledgerTable.items.get('1#2#m')).not.toHaveProperty('waiting')
  })

  test.each([
    ['nothing', 0],
    ['less than nothing', -10],
    ['a day', 86_400],
    ['thirty years', 1e9],
    ['no number', Number.NaN],
  ])('a provider that asks for %s again and again is neither besieged nor forgotten', async (_, seconds) => {
    world = createWorld({ giveUpAfterSeconds: 86_400 })
    const times: number[] = []
    world.provider.send = async () => {
      times.push(world.now())
      throw new RetryableError('The provider is busy', { retryAfter: { seconds } })
    }
    await deliver()
    await world.rest()

    const start = times[0]!
    expect(times.filter((at) => at - start < 60_000).length).toBeLessThanOrEqual(8)
    expect(times.filter((at) => at - start <= 70_000).length).toBeGreaterThanOrEqual(2)
    expect(times.filter((at) => at - start < 12 * 3_600_000).length).toBeGreaterThanOrEqual(12)
    expect(times.at(-1)! - start).toBeLessThan(24 * 3_600_000 + 10_000)
    expect(world.deliveriesDeadLetters.messages).toHaveLength(1)
  })

  test('a channel without a secret waits for it', async () => {
    world.accounts.found = false
    await deliver()
    await world.step()
    expect(sends()).toBe(0)
    world.accounts.found = true
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })
})

describe('what came of a send is told soon, whatever the next attempt meets', () => {
  const aws = () => Object.assign(new Error('timeout'), { name: 'TimeoutError', $metadata: {} })

  test('where the ledger did not take it, and the account is gone by then', async () => {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() === 1 && world.accounts.found) throw aws()
      return put(item)
    }
    await deliver()
    await world.step(1)
    expect(sends()).toBe(1)
    world.accounts.found = false
    world.pass(60)
    await world.step()
    await world.step()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('where the ledger took it, its status could not be queued, and the account is gone by then', async () => {
    const { send } = world.statusUpdates
    world.statusUpdates.send = async () => {
      throw aws()
    }
    await deliver()
    await world.step(1)
    expect(sends()).toBe(1)
    world.statusUpdates.send = send
    world.accounts.found = false
    world.pass(60)
    await world.step()
    await world.step()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('where another copy took it for lost meanwhile, and the ledger takes no more', async () => {
    const put = world.ledgerTable.putIfNextVersion
    let isDown = false
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (isDown) throw aws()
      return put(item)
    }
    world.provider.send = async () => {
      isDown = true
      return { outcome: 'sent', status: 'read' }
    }
    await deliver()
    await world.step(1)
    isDown = false
    world.pass(300)
    // HubSpot posted it twice; this one knows nothing of the answer.
    const [knowing] = world.deliveries.messages.splice(0)
    await deliver()
    await world.step(1)
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ send: { result: { outcome: 'in doubt' } } })
    isDown = true
    world.deliveries.messages.push(knowing!)
    world.pass(86_400)
    await world.step()
    isDown = false
    await world.rest()

    expect(held()).toEqual({ statusType: 'READ' })
  })
})

describe('each customer receives a message at most once', () => {
  test('a webhook that came twice is sent once, also within one batch', async () => {
    await deliver()
    await deliver()
    await world.step()
    await deliver()
    await world.rest()

    expect(sends()).toBe(1)
    expect(world.hubspot.patches).toHaveLength(1)
  })

  test('a crash after the provider took it: not sent again, told as unconfirmed', async () => {
    world.provider.send = async () => {
      throw new Error('the process dies')
    }
    const put = world.ledgerTable.putIfNextVersion
    let died = false
    world.ledgerTable.putIfNextVersion = async (item) => {
      // a process that is dead releases nothing
      if (sends() > 0 && !died) {
        died = true
        throw new Error('dead')
      }
      return put(item)
    }
    await deliver()
    await world.step()
    world.restart()
    await world.rest()

    expect(sends()).toBe(1)
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })
  })

  test('a crash with a provider that takes a key: sent again under the same key', async () => {
    world = createWorld({ isIdempotent: true })
    let died = false
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() > 0 && !died) {
        died = true
        throw new Error('dead')
      }
      return put(item)
    }
    await deliver()
    await world.rest()

    expect(sends()).toBe(2)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test.each([false, true])(
    'a claim whose answer was lost sent nothing: the message is sent at once (taken by the table: %s)',
    async (taken) => {
      const put = world.ledgerTable.putIfNextVersion
      let fails = 1
      world.ledgerTable.putIfNextVersion = async (item) => {
        if (fails-- <= 0) return put(item)
        if (taken) await put(item)
        throw Object.assign(new Error('throttled'), { $metadata: {} })
      }
      await deliver()
      const start = world.now()
      await world.rest()

      expect(sends()).toBe(1)
      expect(held()).toEqual({ statusType: 'SENT' })
      expect(world.now() - start).toBeLessThan(10_000)
    },
  )

  test('a copy of a job that waits is not sent beside it', async () => {
    const put = world.ledgerTable.putIfNextVersion
    let fails = 1
    world.ledgerTable.putIfNextVersion = async (item) => {
      const written = await put(item)
      if (fails-- > 0) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return written
    }
    await deliver()
    await world.step()
    await world.deliveries.send(world.deliveries.jobs()[0]!, { group: '1' })
    await world.rest()

    expect(sends()).toBe(1)
  })

  test('a send that ended in doubt is not repeated at another endpoint, which could not recognise it', async () => {
    world = createWorld({ isIdempotent: true })
    world.provider.send = async () => {
      throw new RetryableError('no answer', { inDoubt: true })
    }
    await deliver()
    await world.step()
    world.provider.endpoint = 'https://elsewhere.test'
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.rest()

    expect(sends()).toBe(1)
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })
  })

  test('nor where a later try at the same endpoint was clearly refused', async () => {
    world = createWorld({ isIdempotent: true })
    world.provider.send = async () => {
      throw new RetryableError('no answer, then a refusal', { inDoubt: sends() === 1 })
    }
    await deliver()
    await world.step()
    world.pass(60)
    await world.step()
    world.provider.endpoint = 'https://elsewhere.test'
    await world.rest()

    expect(sends()).toBe(2)
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })
  })

  test.each([
    ['in doubt is repeated at the same endpoint', true, 'https://here.test'],
    ['in a clear refusal is repeated wherever messages go by now', false, 'https://elsewhere.test'],
  ])('a send that ended %s', async (_claim, inDoubt, endpoint) => {
    world = createWorld({ isIdempotent: true })
    world.provider.send = async () => {
      throw new RetryableError('not taken', { inDoubt })
    }
    await deliver()
    await world.step()
    world.provider.endpoint = endpoint
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    await world.rest()

    expect(sends()).toBe(2)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('a send that was clearly refused is made again, though the ledger did not take that', async () => {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() === 1) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return put(item)
    }
    world.provider.send = async () => {
      if (sends() === 1) throw new RetryableError('busy')
      return { outcome: 'sent', status: 'sent' }
    }
    await deliver()
    await world.step()
    world.ledgerTable.putIfNextVersion = put
    await world.rest()

    expect(sends()).toBe(2)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('an outcome that could not be recorded travels with the job', async () => {
    const put = world.ledgerTable.putIfNextVersion
    let refusals = 3
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() > 0 && refusals-- > 0) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return put(item)
    }
    world.provider.send = async () => ({ outcome: 'rejected', reason: 'No such number' })
    await deliver()
    await world.rest()

    expect(sends()).toBe(1)
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
  })

  test('a crash after the send was recorded, before its status was queued: the status is queued by the next try', async () => {
    const send = world.statusUpdates.send
    let fails = 1
    world.statusUpdates.send = async (job, options) => {
      if (fails-- > 0) throw new Error('dead')
      return send(job, options)
    }
    await deliver()
    await world.rest()

    expect(sends()).toBe(1)
    expect(held()).toEqual({ statusType: 'SENT' })
  })
})

describe('what is known is told before a job may end', () => {
  const refused = () => Object.assign(new Error('throttled'), { $metadata: {} })

  /** AWS, which takes no outcome into the ledger, whatever is tried. */
  function refuseOutcomes() {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() > 0 && !item.pk.startsWith('thread#')) throw refused()
      return put(item)
    }
    return () => {
      world.ledgerTable.putIfNextVersion = put
    }
  }

  test('an outcome that the ledger did not take is announced when the job is given up, and travels on with the dead letter', async () => {
    world = createWorld({ giveUpAfterSeconds: 0 })
    world.provider.send = async () => ({ outcome: 'sent', status: 'delivered' })
    const takeAgain = refuseOutcomes()
    await deliver()
    world.pass(1)
    await world.step()

    expect(world.statusUpdates.jobs()).toMatchObject([{ status: 'delivered', source: 'forward' }])
    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([
      { progress: { unrecorded: { part: { index: 0, of: 1 }, outcome: { status: 'delivered' } } } },
    ])

    takeAgain()
    await world.deliveries.send(world.deliveriesDeadLetters.jobs()[0]!, { group: '1' })
    await world.rest()

    expect(sends()).toBe(1)
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ send: { result: { status: 'delivered' } } })
    expect(told()).toEqual(['SENT'])
  })

  test('it is announced where the job cannot be sent again, which would have carried it', async () => {
    world.provider.send = async () => ({ outcome: 'sent', status: 'delivered' })
    refuseOutcomes()
    const send = world.deliveries.send
    await deliver()
    world.deliveries.send = async () => {
      throw refused()
    }
    await workOff(world.deliveries, world.handlers().deliver)
    world.deliveries.send = send

    expect(world.statusUpdates.jobs()).toMatchObject([{ status: 'delivered' }])
  })

  test('a job that can neither be announced nor dead-lettered does not end', async () => {
    world = createWorld({ giveUpAfterSeconds: 0 })
    world.provider.send = async () => ({ outcome: 'sent', status: 'delivered' })
    const takeAgain = refuseOutcomes()
    const send = world.statusUpdates.send
    world.statusUpdates.send = async () => {
      throw refused()
    }
    await deliver()
    world.pass(1)
    await world.step()
    expect(world.deliveriesDeadLetters.messages).toEqual([])

    takeAgain()
    world.statusUpdates.send = send
    await world.rest()

    expect(sends()).toBe(1)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('of several sends, those that were made are announced, and a verdict on the others', async () => {
    world = createWorld({ giveUpAfterSeconds: 600 })
    world.provider.parts = 3
    world.provider.send = async (_job, index) => {
      if (index > 0) throw new RetryableError('busy')
      return { outcome: 'sent', status: 'read' }
    }
    // The run that makes it cannot announce it.
    const send = world.statusUpdates.send
    world.statusUpdates.send = async () => {
      throw refused()
    }
    await deliver()
    world.pass(590)
    for (let tries = 0; tries < 3; tries++) {
      await world.step()
      world.pass(5)
    }
    world.statusUpdates.send = send
    await world.rest()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      parts: [{ known: 'read' }, { known: 'unconfirmed' }, { known: 'unconfirmed' }],
    })
  })

  test('an account that was disconnected: what was made is told, and only the rest is not', async () => {
    world.provider.parts = 2
    world.provider.send = async (_job, index) => {
      if (index === 1) throw new RetryableError('busy')
      return { outcome: 'rejected', reason: 'No such number' }
    }
    await deliver()
    const purged = {
      v: 1 as const,
      type: 'account',
      portalId: '1',
      channelId: '2',
      channelAccountId: '3',
      change: 'purged',
      traceId: 't',
    }
    await world.deliveries.send({ ...purged, at: '2026-11-22T12:00:00Z' }, { group: '1' })
    await world.rest()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      parts: [{ known: 'failed' }, { known: 'unconfirmed', reason: expect.stringContaining('disconnected') }],
    })
    expect(held()).toMatchObject({ statusType: 'FAILED' })
  })

  test('an account that was disconnected: neither a crash nor a want of time ends its message', async () => {
    world.ledgerTable.items.set('account#1#2#3', { pk: 'account#1#2#3', version: 1, state: 'purged', at: '2026-11-22' })
    world.haveTime(20_000)
    await deliver()
    await world.step()
    world.haveTime(60_000)
    world.provider.send = async () => {
      throw new Error('a crash')
    }
    world.pass(60)
    await world.step()
    world.provider.send = async () => ({ outcome: 'in doubt' })

    expect(world.deliveries.messages).toHaveLength(1)
    expect(world.counts).not.toHaveProperty('DeliveriesDisconnected')
    expect(world.statusUpdates.messages).toEqual([])
  })

  test('a message that only its event tells of is told as well when it is given up', async () => {
    const event = {
      type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
      portalId: '1',
      channelId: '2',
      message: { id: 'm', channelAccountId: '3', text: 'Hello', recipients: [] },
    }
    world.provider.send = async () => {
      throw new ProviderError('The endpoint answered HTTP 503')
    }
    await world.deliveries.send(
      { v: 1, type: 'event', rawBody: gzip(JSON.stringify(event)), traceId: 'trace' },
      { group: '1' },
    )
    await world.rest()

    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('HTTP 503') })
  })
})

describe('a job whose process dies again and again', () => {
  /** Dies in the run that tries to write for the nth time, and in all after it. */
  function dieAtEachWrite() {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async () => {
      throw new Error('the process dies')
    }
    return () => {
      world.ledgerTable.putIfNextVersion = put
    }
  }

  test('is told before SQS makes it a dead letter without a word, and redriven it is sent and told', async () => {
    const live = dieAtEachWrite()
    await deliver()
    for (let receives = 0; receives < 5; receives++) {
      await workOff(world.deliveries, world.handlers().deliver)
      world.pass(360)
    }
    const [letter] = world.deliveries.messages
    world.deliveries.remove(letter!)
    live()
    await world.rest()
    expect(sends()).toBe(0)
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })

    await world.deliveries.send(JSON.parse(letter!.body), { group: '1' })
    await world.rest()
    expect(sends()).toBe(1)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('one that is done the last time is told as what it is, and nothing else', async () => {
    const live = dieAtEachWrite()
    await deliver()
    for (let receives = 0; receives < 4; receives++) {
      await workOff(world.deliveries, world.handlers().deliver)
      world.pass(360)
    }
    live()
    await world.rest()

    expect(told()).toEqual(['SENT'])
  })

  test('what is known by then is told at the last time', async () => {
    world.provider.send = async () => ({ outcome: 'sent', status: 'delivered' })
    const send = world.statusUpdates.send
    world.statusUpdates.send = async () => {
      throw new Error('the process dies')
    }
    await deliver()
    for (let receives = 0; receives < 4; receives++) {
      await workOff(world.deliveries, world.handlers().deliver)
      world.pass(360)
    }
    world.statusUpdates.send = async (job, options) => {
      await send(job, options)
      throw new Error('the process dies')
    }
    await workOff(world.deliveries, world.handlers().deliver)
    world.statusUpdates.send = send
    world.deliveries.remove(world.deliveries.messages[0]!)
    await world.rest()

    expect(told()).toEqual(['SENT'])
  })
})

describe('a message that takes several sends', () => {
  const partsTried: number[] = []
  beforeEach(() => {
    partsTried.length = 0
    world.provider.parts = 3
  })

  /** The provider, which answers each part as it is told. */
  function answering(answer: (index: number) => SendOutcome) {
    world.provider.send = async (_job, index) => {
      partsTried.push(index)
      return answer(index)
    }
  }
  const sent: SendOutcome = { outcome: 'sent', status: 'sent' }
  const rejected: SendOutcome = { outcome: 'rejected', reason: 'No such number' }

  test('is SENT once all are, and told once', async () => {
    answering(() => sent)
    await deliver()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 2])
    expect(world.hubspot.patches.map(({ statusType }) => statusType)).toEqual(['SENT'])
  })

  test('is FAILED where one of them failed, the reason says how many, and the others go out all the same', async () => {
    answering((index) => (index === 1 ? rejected : sent))
    await deliver()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 2])
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: '1 of 3 sends failed: No such number' })
  })

  test('where one has to be tried again, those before it are not', async () => {
    let refusals = 2
    answering((index) => {
      if (index === 1 && refusals-- > 0) throw new RetryableError('busy')
      return sent
    })
    await deliver()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 1, 1, 2])
    expect(held()).toEqual({ statusType: 'SENT' })
    expect(world.counts['DeliveriesSent']).toBe(3)
  })

  test('a crash within one leaves that one unknown, and the others go out', async () => {
    answering((index) => {
      if (index === 1) throw new Error('dead')
      return sent
    })
    const put = world.ledgerTable.putIfNextVersion
    let died = false
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (partsTried.length === 2 && !died) {
        died = true
        throw new Error('a process that is dead releases nothing')
      }
      return put(item)
    }
    await deliver()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 2])
    expect(held()).toMatchObject({
      statusType: 'FAILED',
      errorMessage: expect.stringContaining('1 of 3 sends not confirmed: '),
    })
  })

  test('a crash with a provider that takes a key: that one is made again, and only that', async () => {
    world = createWorld({ isIdempotent: true })
    world.provider.parts = 3
    answering(() => sent)
    const put = world.ledgerTable.putIfNextVersion
    let died = false
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (partsTried.length === 2 && !died) {
        died = true
        throw new Error('dead')
      }
      return put(item)
    }
    await deliver()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 1, 2])
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('an outcome that could not be recorded travels with the job, and the next send goes out at once', async () => {
    answering(() => sent)
    const put = world.ledgerTable.putIfNextVersion
    let refusals = 2
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (partsTried.length === 2 && refusals-- > 0) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return put(item)
    }
    await deliver()
    const start = world.now()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 2])
    expect(held()).toEqual({ statusType: 'SENT' })
    expect(world.now() - start).toBeLessThan(20_000)
  })

  test('a status that could not be queued holds up no send', async () => {
    answering(() => sent)
    const send = world.statusUpdates.send
    let refusals = 1
    world.statusUpdates.send = async (job, options) => {
      if (refusals-- > 0) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return send(job, options)
    }
    await deliver()
    const start = world.now()
    await world.rest()

    expect(partsTried).toEqual([0, 1, 2])
    expect(held()).toEqual({ statusType: 'SENT' })
    expect(world.now() - start).toBeLessThan(20_000)
  })

  test('where a run has no time left for another send, the next run makes it', async () => {
    world.haveTime(24_999)
    await deliver()
    await world.step()
    expect(sends()).toBe(0)

    world.haveTime(25_000)
    await world.rest()

    expect(sends()).toBe(3)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('one that is given up is FAILED, also where some parts went out', async () => {
    answering((index) => {
      if (index === 2) throw new ProviderError('The endpoint answered HTTP 503')
      return sent
    })
    await deliver()
    await world.rest()

    expect(held()).toMatchObject({
      statusType: 'FAILED',
      errorMessage: expect.stringContaining('1 of 3 sends not confirmed: Not sent: The endpoint answered HTTP 503'),
    })
  })

  test('more sends than a message may take are refused, and none is made', async () => {
    world.provider.parts = 101
    await deliver()
    await world.rest()

    expect(sends()).toBe(0)
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('too many') })
  })
})

describe('of several sends, the reason says what arrived', () => {
  const to = (recipient: string) => (what: string) => ({ what, to: recipient })
  const [ours, theirs] = [to('+15550101'), to('+15550102')]
  const pictures = [ours('text'), ours('picture'), ours('picture'), ours('picture')]

  test.each<[string, typeof pictures, Record<number, SendOutcome>, string]>([
    [
      'one of them failed',
      pictures,
      { 2: { outcome: 'rejected', reason: 'Too large' } },
      'The text, picture 1 of 3 and picture 3 of 3 arrived, picture 2 of 3 did not. Too large. If you send again, send only that.',
    ],
    [
      'two of them failed',
      pictures,
      { 1: { outcome: 'rejected', reason: 'Too large' }, 3: { outcome: 'rejected', reason: 'Gone' } },
      'The text and picture 2 of 3 arrived, picture 1 of 3 and picture 3 of 3 did not. Too large. If you send again, send only those.',
    ],
    [
      'all of them failed',
      [ours('text'), ours('file')],
      { 0: { outcome: 'rejected', reason: 'Opted out' }, 1: { outcome: 'rejected', reason: 'Opted out' } },
      'The text and the file did not arrive. Opted out',
    ],
    [
      'one recipient of several did not get it',
      [ours('text'), theirs('text')],
      { 1: { outcome: 'rejected', reason: 'Opted out' } },
      'The text for recipient 1 of 2 arrived, the text for recipient 2 of 2 did not. Opted out. If you send again, send only that.',
    ],
    [
      'it arrived at several recipients',
      ['1', '2', '3'].flatMap((recipient) => [to(recipient)('text'), to(recipient)('file')]),
      { 2: { outcome: 'rejected', reason: 'Opted out (21610)' } },
      'The text for recipients 1 and 3 of 3 and the file for recipients 1, 2 and 3 of 3 arrived, the text for recipient 2 of 3 did not. Opted out (21610). If you send again, send only that.',
    ],
    [
      'its reason is long',
      [ours('text'), ours('file')],
      { 1: { outcome: 'rejected', reason: 'Too large! '.repeat(60) } },
      `The text arrived, the file did not. ${'Too large! '.repeat(60)}`
        .slice(0, 498 - ' If you send again, send only that.'.length)
        .concat('… If you send again, send only that.'),
    ],
    [
      'one is not confirmed',
      [ours('text'), ours('film')],
      { 1: { outcome: 'in doubt' } },
      'The text arrived, the film may not have arrived. The messaging service did not confirm this message. It may or may not have arrived.',
    ],
  ])('%s', async (_case, named, outcomes, errorMessage) => {
    world = createWorld({ named })
    world.provider.send = async (_job, index) => outcomes[index] ?? { outcome: 'sent', status: 'delivered' }
    await deliver()
    await world.rest()

    expect(held()).toEqual({ statusType: 'FAILED', errorMessage })
    expect(JSON.stringify([...world.ledgerTable.items])).not.toContain('5550101')
  })

  test('many are counted, not listed', async () => {
    world = createWorld({ named: Array.from({ length: 9 }, () => ours('file')) })
    world.provider.send = async (_job, index) =>
      index === 8 ? { outcome: 'rejected', reason: 'Gone' } : { outcome: 'sent', status: 'sent' }
    await deliver()
    await world.rest()

    expect(held()?.errorMessage).toBe(
      'File 1 of 9, file 2 of 9, file 3 of 9 and 5 more arrived, file 9 of 9 did not. Gone. If you send again, send only that.',
    )
  })
})

describe('an account that is changed while a message is on its way', () => {
  const warnings = () =>
    world.lines.flatMap((line) => ('level' in line && line.level === 'warn' && 'message' in line ? [line.message] : []))
  const taken: { index: number; parts: number }[] = []
  beforeEach(() => {
    taken.length = 0
    world.provider.parts = 3
    world.provider.send = async (_job, index) => {
      if (index === 1 && world.provider.parts === 3) throw new RetryableError('busy')
      taken.push({ index, parts: world.provider.parts })
      return { outcome: 'sent', status: 'sent' }
    }
  })

  test.each([
    ['fewer', { parts: 1 }],
    ['more', { parts: 5 }],
    ['other', { content: 'other' }],
  ])('takes %s sends now: what was made is told, and the rest is not sent, with a reason', async (_what, change) => {
    await deliver()
    await world.step()
    Object.assign(world.provider, change)
    if ('content' in change) world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    const before = sends()
    await world.rest()

    expect(taken).toEqual([{ index: 0, parts: 3 }])
    expect(sends()).toBe(before)
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      parts: [{ known: 'sent' }, { known: 'failed' }, { known: 'failed' }],
    })
    expect(held()).toEqual({
      statusType: 'FAILED',
      errorMessage: expect.stringMatching(
        /^2 of 3 sends failed: Not sent, .*changed in the meantime\. Send it again\.$/,
      ),
    })
    expect(world.deliveriesDeadLetters.messages).toEqual([])
    expect(warnings()).toEqual([expect.stringMatching(/^What is left of the message is not sent/)])
  })

  test('where nothing was sent yet, the message goes out as it is planned now', async () => {
    world.provider.send = async (_job, index) => {
      if (world.provider.parts === 3) throw new RetryableError('the wrong account')
      taken.push({ index, parts: world.provider.parts })
      return { outcome: 'sent', status: 'sent' }
    }
    await deliver()
    await world.step()
    world.provider.parts = 2
    await world.rest()

    expect(taken).toEqual([
      { index: 0, parts: 2 },
      { index: 1, parts: 2 },
    ])
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('what was concluded of sends of the earlier plan, and comes after, says nothing of those made since', async () => {
    world.provider.send = async () => ({ outcome: 'sent', status: 'sent' })
    world.provider.parts = 1
    await deliver()
    await world.rest()
    for (const index of [0, 1])
      await world.statusUpdates.send(
        update('unconfirmed', { part: { index, of: 2 }, source: 'relay', reason: 'Not confirmed' }),
        { group: '1' },
      )
    await world.rest()

    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('what was concluded of sends of the earlier plan is told where none was made since, and yields to one', async () => {
    let isDown = true
    world.provider.send = async () => {
      if (isDown) throw new RetryableError('down')
      return { outcome: 'sent', status: 'sent' }
    }
    world.provider.parts = 1
    await deliver()
    await world.step()
    for (const index of [0, 1])
      await world.statusUpdates.send(
        update('unconfirmed', { part: { index, of: 2 }, source: 'relay', reason: 'Not confirmed' }),
        { group: '1' },
      )
    await world.step()
    const before = held()
    isDown = false
    await world.rest()

    expect(before).toEqual({ statusType: 'FAILED', errorMessage: 'Not confirmed' })
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('a send that may have been made is unknown, and only those after it are told as not sent', async () => {
    world.provider.send = async (_job, index) => {
      if (index === 1) throw new Error('the process dies')
      return { outcome: 'sent', status: 'sent' }
    }
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() === 2) throw new Error('dead')
      return put(item)
    }
    await deliver()
    await world.step()
    world.ledgerTable.putIfNextVersion = put
    world.provider.parts = 1
    await world.rest()

    expect(sends()).toBe(2)
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      sends: { outcomes: [{ outcome: 'sent' }, { outcome: 'in doubt' }, { outcome: 'rejected' }] },
    })
  })

  test('a message that is sent needs no more, whatever it would take now', async () => {
    world.provider.parts = 1
    await deliver()
    await world.step()
    world.provider.parts = 2
    await deliver()
    await world.rest()

    expect(sends()).toBe(1)
    expect(told()).toEqual(['SENT'])
    expect(warnings()).toEqual([])
  })

  test('of a send in doubt, its provider is not asked about a send of the new plan, which is another one', async () => {
    world = createWorld({ looksUp: true })
    world.provider.send = async () => ({ outcome: 'in doubt' })
    world.provider.lookUp = async () => ({ outcome: 'sent', status: 'delivered' })
    await deliver()
    await world.step()
    world.provider.content = 'other'
    await world.rest()

    expect(world.provider.lookUps).toEqual([])
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })
    expect(warnings()).toEqual([expect.stringMatching(/not asked what became of it: its account was changed/)])
  })

  test('what the ledger did not take of an earlier plan is recorded before anything else', async () => {
    world.provider.send = async () => ({ outcome: 'sent', status: 'delivered' })
    const put = world.ledgerTable.putIfNextVersion
    let refusals = 1
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (sends() === 2 && refusals-- > 0) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return put(item)
    }
    await deliver()
    await world.step()
    world.provider.parts = 1
    await world.rest()

    expect(sends()).toBe(2)
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      parts: [{ known: 'delivered' }, { known: 'delivered' }, { known: 'failed' }],
    })
  })

  test('its digest is too short to find out by trying what was in it', async () => {
    await deliver()
    await world.step()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      plan: { of: 3, digest: expect.stringMatching(/^.{4}$/) },
    })
  })
})

describe('a send in doubt, with a provider that can be asked', () => {
  beforeEach(() => {
    world = createWorld({ looksUp: true })
    world.provider.send = async () => ({ outcome: 'in doubt' })
  })

  test('is asked for after half a minute, two and ten more, and never sent again', async () => {
    await deliver()
    const start = world.now()
    await world.rest()

    expect(world.provider.lookUps.map((at) => (at - start) / 1000)).toEqual([30, 150, 750])
    expect(sends()).toBe(1)
    expect(held()).toMatchObject({ statusType: 'FAILED', errorMessage: expect.stringContaining('did not confirm') })
  })

  test('what is found takes the place of the doubt, and is told', async () => {
    const answers: (SendOutcome | undefined)[] = [undefined, { outcome: 'rejected', reason: 'No such number' }]
    world.provider.lookUp = async () => answers.shift()
    await deliver()
    await world.rest()

    expect(world.provider.lookUps).toHaveLength(2)
    expect(sends()).toBe(1)
    expect(held()).toEqual({ statusType: 'FAILED', errorMessage: 'No such number' })
  })

  test.each<[string, () => Promise<SendOutcome | undefined>]>([
    ['that it does not know either', async () => ({ outcome: 'in doubt' })],
    ['nothing', () => Promise.reject(new RetryableError('no answer'))],
  ])('may answer %s: it is asked again', async (_, answer) => {
    world.provider.lookUp = answer
    await deliver()
    const start = world.now()
    await world.rest()

    expect(world.provider.lookUps.map((at) => (at - start) / 1000)).toEqual([30, 150, 750])
    expect(world.counts).not.toHaveProperty('LookUpsFound')
    expect(held()).toMatchObject({ statusType: 'FAILED' })
  })

  test('is left to SQS where asking crashes', async () => {
    world.provider.lookUp = async () => {
      throw new TypeError('a bug')
    }
    await deliver()
    await world.step()
    world.pass(30)
    await world.step()

    expect(world.lines).toContainEqual(expect.objectContaining({ level: 'error', error: 'TypeError' }))
    expect(world.deliveries.messages).toMatchObject([{ receives: 1 }])
  })

  test('what is found is told also where its first telling fails', async () => {
    const send = world.statusUpdates.send
    const failing = async () => {
      world.statusUpdates.send = send
      throw Object.assign(new Error('timeout'), { name: 'TimeoutError', $metadata: {} })
    }
    let lookUps = 0
    world.provider.lookUp = async () => {
      if (lookUps++ === 0) world.statusUpdates.send = failing
      return { outcome: 'sent', status: 'sent' }
    }
    await deliver()
    await world.rest()

    expect(lookUps).toBe(2)
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('of several sends, those in doubt are asked for', async () => {
    world.provider.parts = 3
    world.provider.send = async (_job, index) =>
      index === 1 ? { outcome: 'in doubt' } : { outcome: 'sent', status: 'sent' }
    const asked: number[] = []
    world.provider.lookUp = async (index) => {
      asked.push(index)
      return { outcome: 'sent', status: 'sent' }
    }
    await deliver()
    await world.rest()

    expect(asked).toEqual([1])
    expect(sends()).toBe(3)
    expect(world.counts['Waiting']).toBe(1)
    expect(world.hubspot.patches.map(({ statusType }) => statusType)).toEqual(['SENT'])
  })

  test('each of several in doubt is asked for by itself, until it is found', async () => {
    world.provider.parts = 3
    const asked: number[] = []
    world.provider.lookUp = async (index) => {
      asked.push(index)
      return index === 1 ? { outcome: 'rejected', reason: 'No such number' } : undefined
    }
    await deliver()
    await world.rest()

    expect(asked).toEqual([0, 1, 2, 0, 2, 0, 2])
    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({
      sends: { outcomes: [{ outcome: 'in doubt' }, { outcome: 'rejected' }, { outcome: 'in doubt' }] },
    })
  })

  test('is not asked for by a run that has no time left for it', async () => {
    await deliver()
    await world.step()
    world.pass(30)
    world.haveTime(24_999)
    await world.step()
    expect(world.provider.lookUps).toEqual([])

    world.haveTime(25_000)
    await world.rest()

    expect(world.provider.lookUps).toHaveLength(2)
  })

  test('is not asked for where the message could not be sent at all', async () => {
    world.provider.plan = () => ({ problem: 'The file is too large' })
    const put = world.ledgerTable.putIfNextVersion
    let writes = 0
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (item.pk === '1#2#m' && ++writes === 2) throw new Error('the process dies')
      return put(item)
    }
    await deliver()
    await world.step()
    world.restart()
    await world.rest()

    expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ send: { result: { outcome: 'in doubt' } } })
    expect(world.provider.lookUps).toEqual([])
  })
})

describe('messages of one thread', () => {
  const createdAt = (second: number) => `2026-11-22T12:00:0${second}Z`
  const inThread = (messageId: string, second: number, conversationsThreadId: string | undefined = 'thread') =>
    deliver({ messageId, createdAt: createdAt(second), conversationsThreadId })
  const order = () => world.provider.sends.map(({ messageId }) => messageId)

  /** The provider, which refuses a message for a while. */
  function refusing(messageId: string, seconds: number) {
    const until = world.now() + seconds * 1000
    const taken: string[] = []
    world.provider.send = async (job) => {
      if (job.messageId === messageId && world.now() < until) throw new RetryableError('busy')
      taken.push(job.messageId)
      return { outcome: 'sent', status: 'sent' }
    }
    return taken
  }

  test('reach the customer in the order in which the agent sent them, also when the first has to be tried again', async () => {
    const taken = refusing('first', 20)
    await inThread('first', 1)
    await world.step()
    await inThread('second', 2)
    await inThread('third', 3)
    await world.rest()

    expect(taken).toEqual(['first', 'second', 'third'])
  })

  test('do so within one batch, whatever their order in it', async () => {
    await inThread('second', 2)
    await inThread('first', 1)
    await world.rest()

    expect(order()).toEqual(['first', 'second'])
  })

  test('the second waits for a minute, and no longer', async () => {
    const taken = refusing('first', 3600)
    const start = world.now()
    await inThread('first', 1)
    await world.step()
    await inThread('second', 2)
    while (!taken.includes('second')) {
      world.pass(1)
      await world.step()
    }

    const seconds = (world.now() - start) / 1000
    expect(seconds).toBeGreaterThanOrEqual(60)
    expect(seconds).toBeLessThanOrEqual(76)
  })

  test('one of several sends that has begun to go out waits for none', async () => {
    world.provider.parts = 2
    const went: string[] = []
    let isBusy = true
    world.provider.send = async ({ messageId }, index) => {
      if (messageId === 'first' || (index === 1 && isBusy)) throw new RetryableError('busy')
      went.push(`${messageId} ${index}`)
      return { outcome: 'sent', status: 'sent' }
    }
    await inThread('second', 2)
    await world.step()
    await inThread('first', 1)
    world.pass(1)
    await world.step()
    isBusy = false
    world.pass(10)
    await world.step()

    expect(went).toEqual(['second 0', 'second 1'])
  })

  test('without order none waits, and nothing is kept of the thread', async () => {
    world = createWorld({ threadOrder: 'off' })
    const taken = refusing('first', 60)
    await inThread('first', 1)
    await world.step()
    await inThread('second', 2)
    await world.step()

    expect(taken).toEqual(['second'])
    expect([...world.ledgerTable.items.keys()].filter((key) => key.startsWith('thread#'))).toEqual([])
  })

  test.each(['rejected', 'in doubt'] as const)('one whose outcome is %s holds up no other', async (outcome) => {
    world.provider.send = async ({ messageId }) =>
      messageId === 'first'
        ? ({ outcome, reason: 'No such number' } as SendOutcome)
        : { outcome: 'sent', status: 'sent' }
    const start = world.now()
    await inThread('first', 1)
    await inThread('second', 2)
    while (world.provider.sends.length < 2) {
      world.pass(1)
      await world.step()
    }

    expect(order()).toEqual(['first', 'second'])
    expect(world.now() - start).toBeLessThan(10_000)
  })

  test('one that waits for another sends nothing, and holds up no other thread', async () => {
    const taken = refusing('first', 60)
    await inThread('first', 1)
    await world.step()
    await inThread('second', 2)
    await inThread('elsewhere', 2, 'another thread')
    await world.step()

    expect(taken).toEqual(['elsewhere'])
  })

  test('without a thread there is no order, and nothing is read or written for one', async () => {
    const taken = refusing('first', 60)
    const { get } = world.ledgerTable
    const read = new Set<string>()
    world.ledgerTable.get = async (pk) => {
      read.add(pk.split('#')[0]!)
      return get(pk)
    }
    await deliver({ messageId: 'first' })
    await deliver({ messageId: 'second' })
    await world.step()

    expect(taken).toEqual(['second'])
    expect([...world.ledgerTable.items.keys()]).toEqual(['1#2#first', '1#2#second'])
    expect(read).not.toContain('thread')
  })

  test('cost one write each, and what is kept of them is short', async () => {
    const puts: string[] = []
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (item.pk.startsWith('thread#')) puts.push(item.pk)
      return put(item)
    }
    for (const [index, messageId] of ['first', 'second', 'third'].entries()) {
      await inThread(messageId, index)
      await world.rest()
    }

    expect(puts).toHaveLength(3)
    expect(world.ledgerTable.items.get('thread#1#2#thread')).toMatchObject({ begun: [{ messageId: 'third' }] })
  })
})

test("a send knows where its receipts are to go: to its account's own URL", async () => {
  await deliver({ channelAccountId: 'a/1' })
  await world.rest()

  expect(world.provider.receiptsUrl).toBe('https://relay.test/receipts/2/a%2F1')
})

test('a refusal keeps its code, from the provider to the ledger', async () => {
  world.provider.send = async () => ({ outcome: 'rejected', reason: 'The carrier blocked it', code: '30007' })
  await deliver()
  await world.rest()

  expect(world.ledgerTable.items.get('1#2#m')).toMatchObject({ known: 'failed', code: '30007' })
})

test('a fault of the account is said at once, and the message goes out when it is fixed', async () => {
  let faults = 2
  world.provider.send = async () => {
    if (faults-- > 0) throw new AccountError('The provider does not accept this account as it is set up: HTTP 401')
    return { outcome: 'sent', status: 'sent' }
  }
  await deliver()
  await world.rest()

  expect(held()).toEqual({ statusType: 'SENT' })
  expect(world.counts).toMatchObject({ AccountErrors: 2 })
  expect(world.lines).toContainEqual(
    expect.objectContaining({ message: 'The provider does not accept the account', channelId: '2' }),
  )
})

test('a code that no table knows is counted', async () => {
  world.provider.send = async (_job, _index, tools) => {
    tools.noteUnknownCode?.('139999')
    return { outcome: 'rejected', reason: 'Something new (139999)' }
  }
  await deliver()
  await world.rest()

  expect(world.counts).toMatchObject({ UnknownCodes: 1 })
})

describe("an account's event that the table does not take", () => {
  const event = {
    ...{ v: 1, type: 'account', portalId: '1', channelId: '2', channelAccountId: '3', change: 'purged' },
    ...{ at: '2026-11-22T12:00:00Z', traceId: 't' },
  }
  function refuseAccounts() {
    const put = world.ledgerTable.putIfNextVersion
    world.ledgerTable.putIfNextVersion = async (item) => {
      if (item.pk.startsWith('account#')) throw Object.assign(new Error('throttled'), { $metadata: {} })
      return put(item)
    }
    return () => {
      world.ledgerTable.putIfNextVersion = put
    }
  }

  test('waits until it does, however often', async () => {
    const takeAgain = refuseAccounts()
    await world.deliveries.send(event, { group: '1' })
    for (let waits = 0; waits < 5; waits++) {
      await world.step()
      world.pass(60)
    }
    takeAgain()
    await world.step()

    expect(world.deliveries.messages).toEqual([])
    expect(world.ledgerTable.items.get('account#1#2#3')).toMatchObject({ state: 'purged' })
  })

  test('ends among the dead letters, and nothing is kept of a message', async () => {
    refuseAccounts()
    await world.deliveries.send(event, { group: '1' })
    await world.rest()

    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([{ job: { change: 'purged' } }])
    expect([...world.ledgerTable.items.keys()]).toEqual([])
  })
})

describe('an event that could not be read', () => {
  const event = {
    type: 'OUTGOING_CHANNEL_MESSAGE_CREATED',
    portalId: '1',
    channelId: '2',
    message: { id: 'm', channelAccountId: '3', text: 'Hello', recipients: [] },
  }
  const rawEvent = (body: object) => ({
    deadLetter: { reason: 'Unreadable event', attempts: 1, since: '2026-11-22T12:00:00Z', at: '2026-11-22T12:00:00Z' },
    job: { v: 1, type: 'event', rawBody: gzip(JSON.stringify(body)), traceId: 'trace' },
  })

  test('is parsed again when it is redriven, and delivered', async () => {
    await world.deliveries.send(rawEvent(event), { group: '1' })
    await world.rest()

    expect(world.provider.sends).toMatchObject([{ messageId: 'm', text: 'Hello', original: JSON.stringify(event) }])
    expect(held()).toEqual({ statusType: 'SENT' })
  })

  test('goes back to the dead letters where it still cannot be read', async () => {
    await world.deliveries.send(rawEvent({ ...event, portalId: 'one' }), { group: '1' })
    await world.rest()

    expect(world.deliveriesDeadLetters.jobs()).toMatchObject([
      {
        deadLetter: { reason: 'Still unreadable: portalId: cannot be read' },
        job: { traceId: 'trace' },
      },
    ])
  })
})

test('no text, phone number or richText of a message reaches a log line or the ledger', async () => {
  await deliver({ text: 'sentinel-text', richText: '<p>sentinel-rich</p>', original: '{"text":"sentinel-original"}' })
  world.provider.send = async () => {
    throw new RetryableError('down')
  }
  await world.rest()

  expect(JSON.stringify([world.lines, [...world.ledgerTable.items]])).not.toMatch(/sentinel|5550100/)
})
