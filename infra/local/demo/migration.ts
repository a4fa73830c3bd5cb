import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import pc from 'picocolors'
import { about } from '../../../functions/messages/about.ts'
import { relay as relayCommand } from '../../cli/relay.ts'
import { noteRunning } from '../../cli/running.ts'
import type { Message, StatusType } from '../hubspot/state.ts'
import { ids, type LocalRelay, whsecFor } from '../local-relay.ts'
import { startLimit } from '../pace.ts'
import type { Answer, Conduct } from '../providers/simulator.ts'
import { isAccepted } from '../simulator.ts'
import { shortWaits } from './scenarios.ts'

/** How a relay is started for the migration: HubSpot repeats webhooks soon, and its rate limit makes nobody wait. */
export const briskly = () => ({
  environment: { ...shortWaits(), HUBSPOT_REQUEST_LIMIT: '1000' },
  behaviour: { requestsPer10Seconds: 1000, redeliveryDelaysMs: Array<number>(20).fill(1000) },
})

/** How the messages of one step came out. */
export type StepOutcome = {
  step: string
  messages: number
  /** Of how many HubSpot was told the truth at the end, or nothing where the team's service says nothing yet. */
  toldRight: number
  /** How many reached their customer exactly once. */
  receivedOnce: number
  /** How many the relay handed over; HubSpot itself handed over the others. */
  throughRelay: number
  deadLetters: number
  asExpected: boolean
  /** Whether it is not as expected, and the steps were not played to their end. */
  isUnfinished: boolean
}

/** The messages of this account get a service of their own. */
const movedAccount = '3000000002'
const accounts = ['3000000001', movedAccount]

/**
 * Plays `docs/migration.md` on a relay of the full form, step by step and back, while agents go on writing. The commands
 * are those of the page. Resolves when everything has come to rest.
 */
export async function playMigration(relay: LocalRelay, print: (line: string) => void = () => {}) {
  const { hubspot, stack } = relay
  await using operator = await startOperator(relay, print)
  let isTelling = false
  /** Of each message, whether the team's service sent statuses when it first heard of it. */
  const isSpokenOf = new Map<string, boolean>()
  const sent: Sent[] = []

  function conduct({ messageId }: { messageId: string }): Conduct {
    const { answers = [taken], receipts = [] } = fates[hubspot.message(messageId)?.text ?? ''] ?? {}
    if (!isSpokenOf.has(messageId)) isSpokenOf.set(messageId, isTelling)
    return { answers, receipts: isSpokenOf.get(messageId) ? receipts : [] }
  }
  const old = await relay.startService(ids.channelId, { format: 'hubspot', receiptsPerAccount: false, conduct })
  const own = await relay.startService(movedAccount, { format: 'job', conduct })
  const services = [old, own]
  // Each secret of the list verifies receipts, so that the account's own service can still report what it has taken.
  const oldAgain = { ...old.account, secrets: [whsecFor(ids.channelId), whsecFor(movedAccount)] }

  const steps: Step[] = [
    { name: 'HubSpot calls your service', take() {} },
    {
      name: '(a) your service sends statuses',
      async take() {
        await operator.setChannelSecret(ids.channelId, old.account)
        isTelling = true
      },
    },
    { name: '(b) HubSpot calls the relay', take: operator.setWebhook },
    {
      name: '(c) one account on its own',
      take: () => operator.setChannelSecret(movedAccount, own.account),
      movesAccount: true,
    },
    { name: 'back to (b)', take: () => operator.setChannelSecret(movedAccount, oldAgain), movesAccount: true },
    { name: 'back to (a)', take: () => operator.setWebhookBack(old.messagesUrl) },
    {
      name: 'back to the beginning',
      take() {
        isTelling = false
      },
    },
  ]

  /** Each step is taken while messages are on their way; more follow when the functions have heard of it. */
  async function play({ name, take, movesAccount = false }: Step) {
    print(pc.bold(name))
    if (movesAccount) await passFiveMinutes()
    const before = sendMessages(name, { exceptDoubtful: movesAccount })
    await sleep(300)
    await take()
    await before
    await passFiveMinutes()
    await sendMessages(name)
  }

  async function sendMessages(step: string, { exceptDoubtful = false } = {}) {
    for (const text of Object.keys(fates)) {
      for (const channelAccountId of accounts) {
        if (exceptDoubtful && channelAccountId === movedAccount && text === doubtful) continue
        const sending = hubspot.sendMessage({ ...ids, channelAccountId, text })
        sent.push({ step, message: sending })
        await sleep(70)
      }
    }
  }

  /** So long functions remember secrets; a new execution environment has none to remember. Ends none that is at work. */
  async function passFiveMinutes() {
    const messages = await Promise.all(sent.map(({ message }) => message))
    while (!messages.every(({ webhooks }) => isAccepted(webhooks.at(-1)?.answered ?? ''))) await sleep(50)
    await Promise.all(services.map((service) => service.idle()))
    await stack.idle({ withinSeconds: 3 })
    for (const name of ['deliver-message', 'provider-receipt']) stack.killEnvironments(name)
  }

  hubspot.registerChannel(ids.channelId, old.messagesUrl)
  let isFinished = true
  const playAll = async () => {
    for (const step of steps) await play(step)
  }
  await playAll().catch((error) => {
    isFinished = false
    print(pc.red(String(error)))
  })

  const messages = await Promise.all(sent.map(async ({ step, message }) => ({ step, message: await message })))
  const isToldRight = (message: Message) => {
    const { told, errorMessage } = fates[message.text]!
    if (!isSpokenOf.get(message.id)) return message.told === undefined
    return message.told === told && message.errorMessage === errorMessage
  }
  const receptions = ({ id }: Message) => services.reduce((sum, service) => sum + service.receptions(id), 0)

  const limit = startLimit(30_000)
  const isDone = (message: Message) => isToldRight(message) && receptions(message) > 0
  while (!limit.isOver() && !messages.every(({ message }) => isDone(message))) await sleep(50)
  await Promise.all(services.map((service) => service.idle()))
  await stack.idle({ withinSeconds: 10 }).catch((error) => {
    isFinished = false
    print(pc.red(String(error)))
  })
  const letters = (await relay.deadLetters()).map((letter) => about(letter).messageId)
  const handedOver = stack.functionLogs('deliver-message').filter((line) => line.includes('Send outcome queued'))

  return steps.map(({ name }): StepOutcome => {
    const ofStep = messages.flatMap(({ step, message }) => (step === name ? [message] : []))
    const count = ofStep.length
    const toldRight = ofStep.filter(isToldRight).length
    const receivedOnce = ofStep.filter((message) => receptions(message) === 1).length
    const throughRelay = ofStep.filter(({ id }) => handedOver.some((line) => line.includes(id))).length
    const deadLetters = ofStep.filter(({ id }) => letters.includes(id)).length
    const asExpected = count > 0 && toldRight === count && receivedOnce === count && deadLetters === 0
    const isUnfinished = !asExpected && !isFinished
    return { step: name, messages: count, toldRight, receivedOnce, throughRelay, deadLetters, asExpected, isUnfinished }
  })
}

type Step = {
  name: string
  take(): unknown
  /**
   * Whether it moves an account from one service to another. Then a message of it that is tried again in doubt might go to
   * the other one, which does not know it: such moves are made in a quiet minute.
   */
  movesAccount?: boolean
}

type Sent = { step: string; message: Promise<Message> }

const doubtful = 'Taken, the answer lost'
const taken: Answer = { reply: { status: 202, body: { status: 'sent' } } }

/** What the service does with a message by its text, and what HubSpot holds at the end if it is told. */
const fates: Record<string, Conduct & { told: StatusType; errorMessage?: string }> = {
  'Taken and read': {
    receipts: [{ status: 'delivered' }, { status: 'read', afterMs: 400 }],
    told: 'READ',
  },
  'Taken, failed later': {
    receipts: [{ status: 'failed', code: 'switched-off', afterMs: 400 }],
    told: 'FAILED',
    errorMessage: 'The handset is switched off',
  },
  'Taken at the second try': {
    answers: [{ reply: { status: 503 } }, taken],
    receipts: [{ status: 'delivered' }, { status: 'read', afterMs: 400 }],
    told: 'READ',
  },
  [doubtful]: {
    answers: [{ reply: 'reset', takes: true }, taken],
    receipts: [{ status: 'delivered' }, { status: 'read', afterMs: 400 }],
    told: 'READ',
  },
}

/** Whoever migrates: at the relay's command line, and at HubSpot's API for the way back. */
async function startOperator({ hubspot, stack }: LocalRelay, print: (line: string) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'migration-'))
  const note = join(folder, 'relay.json')
  noteRunning({ stack, hubspot }, note)

  async function command(args: string[], input = '') {
    print(pc.dim(`  npm run relay -- ${args.join(' ')}`))
    const terminal = {
      print: (text: string) => print(pc.dim(`  ${text}`)),
      note: (text: string) => print(pc.red(`  ${text}`)),
      progress() {},
      ask: async () => '',
      askHidden: async () => 'a developer API key',
      readInput: async () => input,
      isInteractive: false,
      colors: pc,
      signal: new AbortController().signal,
    }
    const exitCode = await relayCommand(['--local', ...args], { note, terminal })
    if (exitCode !== 0) throw new Error(`npm run relay -- ${args.join(' ')} ended with ${exitCode}.`)
  }

  return {
    setWebhook: () => command(['channel', 'set-webhook', ids.channelId, '--app-id', '77']),
    setWebhookBack: (url: string) => command(['channel', 'set-webhook', ids.channelId, '--app-id', '77', '--url', url]),
    setChannelSecret: (id: string, account: object) =>
      command(['secret', 'set', 'channel', id, '--file', '-'], JSON.stringify(account)),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  }
}
