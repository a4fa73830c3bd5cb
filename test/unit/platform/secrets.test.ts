import { describe, expect, test } from 'vitest'
import * as z from 'zod'
import { SecretUnavailable } from '../../../functions/platform/fetch-secret.ts'
import { RetryableError } from '../../../functions/platform/retry.ts'
import { createSecrets } from '../../../functions/platform/secrets.ts'
import { inSecretsManager } from '../../../functions/platform/secrets-manager.ts'
import { createFakeSecretsManager } from '../../support/aws.ts'
import { collectTelemetry } from '../../support/telemetry.ts'

const Schema = z.object({ user: z.string(), keys: z.array(z.string().min(8)) })
const good = { user: 'ada', keys: ['key-number-1'] }

test('a secret is what its schema makes of it', async () => {
  const { secrets } = setUp({ s: { ...good, more: 1 } })

  expect(await secrets.read('s', Schema)).toEqual(good)
  expect(await secrets.require('s', Schema)).toEqual(good)
})

test('a secret is remembered for five minutes', async () => {
  const { secrets, manager, pass } = setUp({ s: good })
  await secrets.read('s', Schema)
  manager.values.set('s', JSON.stringify({ ...good, user: 'grace' }))

  pass(299)
  expect(await secrets.read('s', Schema)).toMatchObject({ user: 'ada' })

  pass(1)
  expect(await secrets.read('s', Schema)).toMatchObject({ user: 'grace' })
  expect(manager.reads).toEqual(['s', 's'])
})

test('a secret that is invalid is read again, at most every ten seconds, until it is corrected', async () => {
  const { secrets, manager, pass } = setUp({ s: { user: '' } })
  for (let i = 0; i < 5; i++) await expect(secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
  expect(manager.reads).toEqual(['s'])

  manager.values.set('s', JSON.stringify(good))
  pass(10)
  expect(await secrets.read('s', Schema)).toEqual(good)
})

test('an absence is remembered for a minute', async () => {
  const { secrets, manager, pass } = setUp()
  expect(await secrets.read('s', Schema)).toBeUndefined()
  manager.values.set('s', JSON.stringify(good))

  pass(59)
  expect(await secrets.read('s', Schema)).toBeUndefined()

  pass(1)
  expect(await secrets.read('s', Schema)).toEqual(good)
})

test('asked for again, a secret is fetched again, but not more often than every ten seconds', async () => {
  const { secrets, manager, pass } = setUp({ s: good })
  await secrets.read('s', Schema)

  pass(9)
  for (let times = 0; times < 5; times++) await secrets.read('s', Schema, { fresh: true })
  expect(manager.reads).toHaveLength(1)

  pass(1)
  for (let times = 0; times < 5; times++) await secrets.read('s', Schema, { fresh: true })
  expect(manager.reads).toHaveLength(2)
})

test('each secret is remembered by itself', async () => {
  const { secrets } = setUp({ a: good, b: { ...good, user: 'grace' } })

  expect(await secrets.read('a', Schema)).toMatchObject({ user: 'ada' })
  expect(await secrets.read('b', Schema)).toMatchObject({ user: 'grace' })
  expect(await secrets.read('c', Schema)).toBeUndefined()
})

test('a secret that has to be there and is not is a reason to try later', async () => {
  const { secrets } = setUp()

  const failure = await secrets.require('s', Schema).catch((error) => error)

  expect(failure).toBeInstanceOf(SecretUnavailable)
  expect(failure).toBeInstanceOf(RetryableError)
  expect(failure.message).toBe('Secret s does not exist')
})

test.each([
  ['no JSON', 'user=ada, hunter2', 'Secret s is not JSON'],
  ['nothing, as a binary secret is to us', '', 'Secret s is not JSON'],
  ['of another type', '"hunter2"', 'Secret s is invalid: document: expected object'],
  ['short of a field', '{"keys":[]}', 'Secret s is invalid: user: expected string'],
  ['wrong in a field', '{"user":"ada","keys":["hunter2"]}', 'Secret s is invalid: keys.0: too small'],
])('a secret that is %s is unavailable: the error names the field, and no value', async (_, value, message) => {
  const { secrets, manager } = setUp()
  manager.values.set('s', value)

  const failure = await secrets.read('s', Schema).catch((error) => error)

  expect(failure).toBeInstanceOf(SecretUnavailable)
  expect(failure.message).toBe(message)
  expect(failure.cause).toBeUndefined()
})

test('while Secrets Manager is down, what is remembered serves, and the rest is unavailable', async () => {
  const { secrets, manager } = setUp({ s: good, t: good })
  await secrets.read('s', Schema)
  manager.down = true

  expect(await secrets.read('s', Schema)).toEqual(good)
  await expect(secrets.read('t', Schema)).rejects.toThrow('Secret t cannot be read: ServiceUnavailable')
})

describe('while a secret cannot be refreshed', () => {
  const failures = {
    down: { name: 'ServiceUnavailable', $fault: 'server', $metadata: { httpStatusCode: 503 } },
    'an error of its own': { name: 'InternalServiceError', $fault: 'server', $metadata: { httpStatusCode: 500 } },
    throttled: { name: 'ThrottlingException', $fault: 'client', $metadata: { httpStatusCode: 400 } },
    'too slow': { name: 'TimeoutError', $metadata: { attempts: 2 } },
    unreachable: { name: 'Error', code: 'ECONNREFUSED', $metadata: { attempts: 2 } },
    unresolved: { name: 'Error', code: 'EAI_AGAIN' },
    'closed without an answer': { name: 'Error', $metadata: { attempts: 2 } },
    'no answer of its own': { name: 'SyntaxError', $metadata: { attempts: 2, httpStatusCode: 200 } },
    moved: { name: 'UnknownError', $metadata: { httpStatusCode: 302 } },
    'a key that is throttled': { name: 'KMSThrottlingException', $fault: 'client', $metadata: { httpStatusCode: 400 } },
    'a key with an error of its own': { name: 'KMSInternalException', $metadata: { httpStatusCode: 500 } },
    'at a limit': { name: 'LimitExceededException', $fault: 'client', $metadata: { httpStatusCode: 400 } },
  }
  const refusals = {
    'access denied': { name: 'AccessDeniedException', $fault: 'client', $metadata: { httpStatusCode: 400 } },
    'a key that is denied': { name: 'DecryptionFailure', $fault: 'client', $metadata: { httpStatusCode: 400 } },
    'a key that is disabled': { name: 'KMSDisabledException', $fault: 'client', $metadata: { httpStatusCode: 400 } },
    'marked for deletion': { name: 'InvalidRequestException', $fault: 'client', $metadata: { httpStatusCode: 400 } },
  }
  const failWith = (manager: ReturnType<typeof createFakeSecretsManager>, failure: object) => {
    manager.answer = () => Promise.reject(Object.assign(new Error('no'), failure))
  }

  test.each(Object.entries(failures))(
    '%s: what was read serves for a day, and somebody is told',
    async (_, failure) => {
      const { secrets, manager, pass, telemetry } = setUp({ s: good })
      await secrets.read('s', Schema)
      failWith(manager, failure)

      pass(301)
      expect(await secrets.read('s', Schema)).toEqual(good)
      pass(86_000)
      expect(await secrets.read('s', Schema)).toEqual(good)
      expect(telemetry.counts['StaleSecretsServed']).toBe(2)
      expect(telemetry.everything()).not.toContain('key-number-1')

      pass(101)
      await expect(secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
    },
  )

  test.each(Object.entries(refusals))('%s: nothing serves any more, also after that', async (_, failure) => {
    const { secrets, manager, pass } = setUp({ s: good })
    await secrets.read('s', Schema)
    pass(301)
    failWith(manager, failures.down)
    expect(await secrets.read('s', Schema)).toEqual(good)
    pass(11)

    failWith(manager, failure)
    await expect(secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
    failWith(manager, failures.down)
    await expect(secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)
  })

  test('a secret that is gone serves no more', async () => {
    const { secrets, manager, pass } = setUp({ s: good })
    await secrets.read('s', Schema)
    manager.values.delete('s')
    pass(301)

    expect(await secrets.read('s', Schema)).toBeUndefined()
  })

  test('whoever asks for it again, to see whether it was rotated, is not given the old one', async () => {
    const { secrets, manager, pass } = setUp({ s: good })
    await secrets.read('s', Schema)
    pass(60)
    failWith(manager, failures.down)

    await expect(secrets.read('s', Schema, { fresh: true })).rejects.toThrow(SecretUnavailable)
    expect(await secrets.read('s', Schema)).toEqual(good)
  })

  test('nobody waits for an answer that does not come', async () => {
    const { secrets, manager, pass } = setUp({ s: good })
    await secrets.read('s', Schema)
    pass(301)
    manager.answer = () => new Promise(() => {})

    expect(await secrets.read('s', Schema)).toEqual(good)
  })

  test('it is asked for every ten seconds, not for each message', async () => {
    const { secrets, manager, pass } = setUp({ s: good })
    await secrets.read('s', Schema)
    pass(301)
    manager.down = true
    for (let i = 0; i < 20; i++) await secrets.read('s', Schema)
    expect(manager.reads).toHaveLength(2)

    pass(10)
    manager.down = false
    manager.values.set('s', JSON.stringify({ ...good, user: 'grace' }))
    expect(await secrets.read('s', Schema)).toMatchObject({ user: 'grace' })
  })
})

test('a failure is not remembered', async () => {
  const { secrets, manager } = setUp({ s: good })
  manager.down = true
  await expect(secrets.read('s', Schema)).rejects.toThrow(SecretUnavailable)

  manager.down = false

  expect(await secrets.read('s', Schema)).toEqual(good)
})

function setUp(values: Record<string, unknown> = {}) {
  let time = Date.parse('2026-11-22T12:00:00Z')
  const manager = createFakeSecretsManager(values)
  const pass = (seconds: number) => {
    time += seconds * 1000
  }
  const telemetry = collectTelemetry()
  return {
    secrets: createSecrets(inSecretsManager(manager.getSecretValue), () => time, telemetry.telemetry),
    manager,
    pass,
    telemetry,
  }
}
