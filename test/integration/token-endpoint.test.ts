import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ScanCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noteRunning } from '../../infra/cli/running.ts'
import { ids, type LocalRelay, startLocalRelay } from '../../infra/local/local-relay.ts'
import type { TokenEndpoint } from '../../infra/local/token-endpoint.ts'
import { runRelay, type Session } from '../support/relay-terminal.ts'

const account = { ...ids, channelAccountId: '3000000001' }

let folder: string
let local: LocalRelay
let endpoint: TokenEndpoint

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'relay-'))
  local = await startLocalRelay({ keepsOwnTokens: true })
  endpoint = local.tokenEndpoint!
  noteRunning(local, join(folder, 'note.json'))
  await local.addChannelAccount(account.channelAccountId)
})
afterAll(async () => {
  await local?.stop()
  await rm(folder, { recursive: true })
})

const relay = (args: string[], session?: Session) => runRelay(join(folder, 'note.json'), args, session)

async function portals() {
  const { Items = [] } = await local.stack.dynamodb.send(
    new ScanCommand({ TableName: local.stack.tableName('Portals') }),
  )
  return Items.map((item) => unmarshall(item)).filter(({ pk }) => /^portal#\d+$/.test(pk))
}

describe('where the team keeps the tokens of its accounts itself', () => {
  test('doctor finds all well before any portal was asked for', async () => {
    const { printed } = await relay(['doctor'])

    expect(printed).toContain(`✓ ${endpoint.url} answers, and rejects what the relay did not sign.`)
    expect(printed).toContain('✓ It accepts what is signed with the secret of AccessTokensSecretArn.')
    expect(printed).not.toContain('gives access yet')
  })

  test('HubSpot is told, by an access token that a signed request brought', async () => {
    const asked = endpoint.calls.length
    const sent = await local.hubspot.sendMessage({ ...account, text: 'Hello' })
    await local.stack.idle()

    expect(local.hubspot.message(sent.id)).toMatchObject({ told: 'READ' })
    expect(endpoint.calls.slice(asked)).toEqual([{ portalId: ids.portalId, refused: false, answered: 200 }])
  })

  test('no refresh token is kept, and nothing installs', async () => {
    expect(await portals()).toEqual([
      expect.objectContaining({ pk: `portal#${ids.portalId}`, accessToken: expect.any(String) }),
    ])
    expect(JSON.stringify(await portals())).not.toContain(local.hubspot.portal(ids.portalId)!.refreshToken)
    expect(local.stack.outputs['InstallUrl']).toBeUndefined()
  })

  test('a token that HubSpot refuses is replaced at once, and the endpoint hears why', async () => {
    const asked = endpoint.calls.length
    local.hubspot.expireAccessTokens(ids.portalId)
    const sent = await local.hubspot.sendMessage({ ...account, text: 'Hello again' })
    await local.stack.idle()

    expect(local.hubspot.message(sent.id)).toMatchObject({ told: 'READ' })
    expect(endpoint.calls.slice(asked)).toEqual([{ portalId: ids.portalId, refused: true, answered: 200 }])
  })

  test('an endpoint that fails is waited for', async () => {
    endpoint.faults.push({ status: 503 }, 'reset')
    local.hubspot.expireAccessTokens(ids.portalId)
    const sent = await local.hubspot.sendMessage({ ...account, text: 'Wait for it' })
    await local.stack.idle()

    expect(local.hubspot.message(sent.id)).toMatchObject({ told: 'READ' })
    expect(endpoint.faults).toEqual([])
    expect(local.stack.functionLogs('update-status').join('\n')).toContain('TokenRefreshesFailed')
  })

  test('a portal that it does not know is named, and found by doctor', async () => {
    const unknown = '1009'
    await local.hubspot.sendMessage({ ...account, portalId: unknown, text: 'Whose is this?' })
    const lines = () => local.stack.functionLogs('update-status').join('\n')
    await expect.poll(lines).toContain(`No access to portal ${unknown}`)

    const { printed, exitCode } = await relay(['doctor'])
    expect(exitCode).toBe(1)
    expect(printed).toContain(
      `✗ No access to portal ${unknown}: The token endpoint refuses to refresh its access token (HTTP 404, unknown_portal).\n  → Have ${endpoint.url} give access to it.`,
    )
    expect((await relay(['portal', 'list'])).printed).toMatch(/^1009 {2}The token endpoint refuses/m)
    expect((await relay(['portal', 'remove', unknown, '--yes'])).exitCode).toBe(0)
  })

  test('a portal is shown, and none is imported', async () => {
    const shown = await relay(['portal', 'show', ids.portalId])
    const imported = await relay(['portal', 'import', ids.portalId], { input: 'token' })

    expect(shown.printed).toContain('hubspot: active')
    expect(imported).toMatchObject({ exitCode: 1, said: expect.stringContaining('keeps no refresh tokens') })
  })

  test('an endpoint that gives tokens to anybody is found', async () => {
    endpoint.faults.push({ status: 200, body: { accessToken: 'for anybody' } })

    const { printed, exitCode } = await relay(['doctor'])

    expect(exitCode).toBe(1)
    expect(printed).toContain(`✗ ${endpoint.url} gives access tokens to anybody`)
    expect(printed).not.toContain('for anybody')
  })

  test('with another secret it is asked in vain, which has its alarm and its finding', async () => {
    local.stack.putSecret('AccessTokensSecret', {
      secret: Buffer.from('another secret of the same length').toString('base64'),
    })
    local.stack.retireEnvironments()
    local.hubspot.expireAccessTokens(ids.portalId)
    await local.hubspot.sendMessage({ ...account, text: 'In vain' })
    const lines = () => local.stack.functionLogs('update-status').join('\n')
    await expect.poll(lines).toContain('AccessDenied')

    const { printed } = await relay(['doctor'])
    expect(printed).toContain('✗ It does not give what it should to a signed request (HTTP 401).')
  })

  test('neither the secret nor a token is in a log line', () => {
    const tokens = endpoint.calls.length
    const logs = ['update-status', 'deliver-message', 'hubspot-webhook'].flatMap((name) =>
      local.stack.functionLogs(name),
    )

    expect(tokens).toBeGreaterThan(4)
    expect(logs.join('\n')).not.toMatch(/na1-|whsec_|Bearer/)
  })
})
