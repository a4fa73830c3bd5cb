import { afterEach, expect, test, vi } from 'vitest'
import { defaultProvider } from '../../../functions/platform/environment-credentials.ts'

afterEach(() => vi.unstubAllEnvs())

test('the credentials are the ones in the environment', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'id')
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'secret')
  vi.stubEnv('AWS_SESSION_TOKEN', 'session')

  expect(await defaultProvider()()).toEqual({ accessKeyId: 'id', secretAccessKey: 'secret', sessionToken: 'session' })
})

test('they are looked for nowhere else', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined)

  await expect(defaultProvider()()).rejects.toThrow('AWS_ACCESS_KEY_ID')
})
