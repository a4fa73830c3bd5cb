import { text as readText } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { about } from '../../../functions/messages/about.ts'
import type { Provider } from '../../../functions/providers/accounts.ts'
import { putCredentials } from '../credentials.ts'
import type { Message, NewMessage, StatusType } from '../hubspot/state.ts'
import { ids, type LocalRelay } from '../local-relay.ts'
import { serve } from '../loopback.ts'
import { afterLimit, slowness, startLimit } from '../pace.ts'
import { startProvider } from '../providers/all.ts'
import type { Answer, Conduct, Delivery, Receipt } from '../providers/simulator.ts'
import type { TeamStatus } from '../team.ts'

/** What befalls one message, and what must come of it whatever the order of things. */
export type Scenario = {
  name: string
  /** What HubSpot does with its webhook and with the relay's calls. */
  hubspot?: Pick<NewMessage, 'times' | 'signing' | 'faults'>
  /** What the team's service does; it takes the message and posts no receipts when absent. */
  service?: Conduct & { format?: 'job' | 'hubspot'; downForMs?: number }
  /** Which other provider is played instead, to whom it sends, and what it does: by default, all that its receipts can tell. */
  provider?: {
    name: Provider
    to?: string[]
    conduct?: (delivery: Delivery) => Conduct
    /** What the customer writes back: handed on to a service of the team's. */
    answer?: string
  }
  /** Where the relay does not deliver: what the team says of the message, in this order. */
  statuses?: (({ over: 'SQS' } & TeamStatus) | ({ over: 'HTTP' } & Receipt))[]
  expected: {
    /** The status HubSpot is told at the end; 'nothing' if it must not be told any. */
    told: StatusType | 'nothing'
    errorMessage?: string
    /** How many PATCHes that takes: a number where it is certain, else the least and the most (see `race`). */
    patches: number | readonly [least: number, most: number]
    /** How often the customer gets the message; absent where the team delivers it. */
    receptions?: number
    /** How many of its jobs end as dead letters; none when absent. */
    deadLetters?: number
    /** How many of the customer's own messages are handed on; none when absent. */
    handedOn?: number
  }
}

/** How a scenario came out. */
export type Outcome = {
  scenario: Scenario
  told: StatusType | 'nothing'
  errorMessage: string | undefined
  patches: number
  receptions: number | undefined
  deadLetters: number
  handedOn: number
  asExpected: boolean
  /** Whether it is not as expected, and something was still going on when the time was over. */
  isUnfinished: boolean
}

/** The variables with which the scenarios end within seconds; every other setting is the deployed one. */
export const shortWaits = () => ({
  // On a busy machine a receipt takes longer, and is not to come too late for that.
  UNCONFIRMED_AFTER_SECONDS: String(Math.round(3 * slowness())),
  HUBSPOT_LATE_EFFECT_SECONDS: '6',
  HUBSPOT_REJECTED_FOR_SECONDS: '3',
})

/**
 * What statuses of one message may cost that are told at the same time: the later word alone, or each word and, as each
 * job that raised what is known settles, words told again. The most is what an exhaustive search of all orders finds.
 */
export const race = { ofTwo: [1, 3], ofTwoWithALostAnswer: [2, 4], ofThree: [1, 6], ofFour: [1, 10] } as const

const taken: Answer = { reply: { status: 202, body: { status: 'sent' } } }

/** One scenario for each thing that goes wrong between an agent and a customer, and a few for what goes right. */
export const scenarios: Scenario[] = [
  {
    name: 'sent, delivered and read',
    service: { receipts: [{ status: 'delivered' }, { status: 'read', afterMs: 2000 }] },
    expected: { told: 'READ', patches: race.ofTwo, receptions: 1 },
  },
  {
    name: "in HubSpot's own format",
    service: { format: 'hubspot' },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'refused by the service',
    service: { answers: [{ reply: { status: 422, body: { reason: 'The customer has opted out' } } }] },
    expected: { told: 'FAILED', errorMessage: 'The customer has opted out', patches: 1, receptions: 0 },
  },
  {
    name: 'failed after it was taken',
    service: { receipts: [{ status: 'failed', code: 'switched-off' }] },
    expected: { told: 'FAILED', errorMessage: 'The handset is switched off', patches: race.ofTwo, receptions: 1 },
  },
  {
    name: 'delivered after all',
    service: { receipts: [{ status: 'failed', code: 'switched-off' }, { status: 'delivered' }] },
    expected: { told: 'SENT', patches: race.ofThree, receptions: 1 },
  },
  {
    name: 'taken, and no receipt comes',
    service: { answers: [{ reply: { status: 202, body: { status: 'accepted' } } }] },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'the service is down, then up',
    service: { downForMs: 2500 },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'the service is overloaded',
    service: {
      answers: [{ reply: { status: 429, headers: { 'retry-after': '1' } } }, { reply: { status: 503 } }, taken],
    },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: "the service's answer is lost",
    service: { answers: [{ reply: 'reset', takes: true }, taken] },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'receipts twice, backwards',
    service: {
      receipts: [
        { status: 'read', times: 2 },
        { status: 'failed', code: 'Too late to matter' },
        { status: 'delivered', times: 2 },
        { status: 'sent' },
      ],
    },
    expected: { told: 'READ', patches: race.ofFour, receptions: 1 },
  },
  {
    name: 'a forged receipt',
    service: { receipts: [{ status: 'failed', code: 'Not true', signing: 'forged' }] },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'the webhook comes twice',
    hubspot: { times: 2 },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'a forged webhook',
    hubspot: { signing: 'forged' },
    expected: { told: 'nothing', patches: 0, receptions: 0 },
  },
  {
    name: 'HubSpot answers 429',
    hubspot: { faults: [{ answer: { status: 429 } }] },
    expected: { told: 'SENT', patches: 2, receptions: 1 },
  },
  {
    name: 'HubSpot answers 500',
    hubspot: { faults: [{ answer: { status: 500, body: '<h1>Internal Server Error</h1>' } }] },
    expected: { told: 'SENT', patches: 2, receptions: 1 },
  },
  {
    name: 'HubSpot answers 404 at first',
    hubspot: { faults: [{ answer: { status: 404 }, times: 2 }] },
    expected: { told: 'SENT', patches: 3, receptions: 1 },
  },
  {
    name: 'a slow PATCH is overtaken',
    hubspot: { faults: [{ delayMs: 4000, effect: { afterMs: 3900 } }] },
    service: { receipts: [{ status: 'read', afterMs: 2000 }] },
    expected: { told: 'READ', patches: race.ofTwo, receptions: 1 },
  },
  {
    name: 'an old PATCH takes effect late',
    hubspot: { faults: [{ answer: 'reset', effect: { afterMs: 4500 } }] },
    service: { receipts: [{ status: 'read', afterMs: 2500 }] },
    expected: { told: 'READ', patches: race.ofTwoWithALostAnswer, receptions: 1 },
  },
  {
    name: 'Twilio: delivered',
    provider: { name: 'twilio' },
    expected: { told: 'SENT', patches: race.ofThree, receptions: 1 },
  },
  {
    name: 'Twilio: the handset is switched off',
    provider: {
      name: 'twilio',
      conduct: () => ({ receipts: [{ status: 'sent' }, { status: 'failed', code: '30003' }] }),
    },
    expected: {
      told: 'FAILED',
      errorMessage: 'The phone is switched off or out of reach. Try again later, or call (30003)',
      patches: race.ofThree,
      receptions: 1,
    },
  },
  {
    name: 'Twilio: three customers, one of whom has opted out',
    provider: {
      name: 'twilio',
      to: ['+15550100011', '+15550100012', '+15550100013'],
      conduct: ({ to }) =>
        to === '+15550100012' ? { answers: [{ error: '21610' }] } : { receipts: [{ status: 'delivered' }] },
    },
    expected: {
      told: 'FAILED',
      errorMessage:
        'The text for recipients 1 and 3 of 3 arrived, the text for recipient 2 of 3 did not. The customer has opted out of messages from this number. They can reply START to get them again (21610). If you send again, send only that.',
      patches: race.ofThree,
      receptions: 1,
    },
  },
  {
    name: 'WhatsApp: delivered and read',
    provider: { name: 'whatsapp' },
    expected: { told: 'READ', patches: race.ofFour, receptions: 1 },
  },
  {
    name: 'WhatsApp: a day after the customer last wrote',
    provider: { name: 'whatsapp', conduct: () => ({ receipts: [{ status: 'failed', code: '131047' }] }) },
    expected: {
      told: 'FAILED',
      errorMessage:
        'More than 24 hours have passed since the customer last wrote: WhatsApp now takes only message templates (131047)',
      patches: race.ofTwo,
      receptions: 1,
    },
  },
  {
    name: 'WhatsApp: read, and the customer answers',
    provider: { name: 'whatsapp', answer: 'Thank you!' },
    expected: { told: 'READ', patches: race.ofFour, receptions: 1, handedOn: 1 },
  },
  {
    name: 'Telegram: taken',
    provider: { name: 'telegram' },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
  {
    name: 'Telegram: the bot is blocked',
    provider: { name: 'telegram', conduct: () => ({ answers: [{ error: 'Forbidden: bot was blocked by the user' }] }) },
    expected: { told: 'FAILED', errorMessage: 'The customer has blocked the bot (403)', patches: 1, receptions: 0 },
  },
  {
    name: 'LINE: its answer is lost',
    provider: { name: 'line', conduct: () => ({ answers: [{ reply: 'reset', takes: true }, {}] }) },
    expected: { told: 'SENT', patches: 1, receptions: 1 },
  },
]

/**
 * Plays scenarios side by side, each with a channel account and a service of its own. Resolves when everything has come
 * to rest, so that an outcome is the end of it and not a moment on the way; or when the time is over, and says of which
 * outcomes that is so. A job that waits for longer than ten seconds
 * counts as at rest: the duplicate of a status does, until the try that tells HubSpot could no longer be in progress.
 */
export async function playScenarios(relay: LocalRelay, scenarios: Scenario[], { timeoutSeconds = 35 } = {}) {
  const limit = startLimit(timeoutSeconds * 1000)
  const plays = await Promise.all(scenarios.map((scenario, index) => begin(relay, scenario, index)))
  const outcomes = (deadLetters: unknown[] = []) => plays.map((play) => outcomeOf(play, deadLetters))
  let isAtRest = false
  // Dead letters are looked for once all is at rest.
  const isDone = ({ asExpected, scenario }: Omit<Outcome, 'isUnfinished'>) =>
    asExpected || scenario.expected.deadLetters
  while (!limit.isOver() && !outcomes().every(isDone)) await sleep(50)
  const comeToRest = async () => {
    await Promise.all([relay.hubspot, ...plays.map(({ service }) => service)].map((simulator) => simulator.idle()))
    await relay.stack.idle({ withinSeconds: 10, timeoutSeconds: 15 })
    isAtRest = true
  }
  await Promise.race([comeToRest().catch(() => {}), new Promise<void>((resolve) => afterLimit(20_000, resolve))])
  return outcomes(await relay.deadLetters()).map((outcome) => ({
    ...outcome,
    isUnfinished: !outcome.asExpected && !isAtRest,
  }))
}

/** The channel account of the scenario at an index. */
export const channelAccountOf = (index: number) => String(3_000_000_001 + index)

type Play = {
  scenario: Scenario
  message: Message
  service: { receptions(messageId: string): number; idle(): Promise<unknown> }
  handedOn?: string[]
}

async function begin(relay: LocalRelay, scenario: Scenario, index: number): Promise<Play> {
  const channelAccountId = channelAccountOf(index)
  const text = `This is what happens: ${scenario.name}. 👋`
  if (scenario.provider) {
    const { name, to, conduct = () => ({}), answer } = scenario.provider
    const { simulator, customer } = await startProvider(relay, name, { channelAccountId, conduct })
    const handedOn = await startHandOnReceiver(relay, channelAccountId, simulator.account)
    const message = await relay.hubspot.sendMessage({ ...ids, channelAccountId, text, to: to ?? [customer] })
    if (answer) await simulator.write?.({ ...ids, channelAccountId }, { from: customer, text: answer })
    return { scenario, message, service: simulator, handedOn }
  }
  const { format = 'job', downForMs, ...conduct } = scenario.service ?? {}
  const service = await relay.addChannelAccount(channelAccountId, { format, conduct: () => conduct })
  if (downForMs !== undefined) {
    await service.goDown()
    setTimeout(service.goUp, downForMs)
  }
  const message = await relay.hubspot.sendMessage({ ...ids, channelAccountId, text, ...scenario.hubspot })
  for (const status of scenario.statuses ?? []) {
    if (status.over === 'SQS') await relay.sendStatus(message, status)
    else await service.reportForeign({ ...message, messageId: message.id }, status)
  }
  return { scenario, message, service }
}

/** The team's service that customers' messages are handed on to: what it was posted. */
async function startHandOnReceiver(relay: LocalRelay, channelAccountId: string, account: object) {
  const bodies: string[] = []
  const { url, close } = await serve(async (request, response) => {
    bodies.push(await readText(request))
    response.writeHead(204).end()
  })
  relay.defer(close)
  await putCredentials(relay.stack, channelAccountId, { ...account, handOnTo: url })
  return bodies
}

function outcomeOf(
  { scenario, message, service, handedOn: bodies = [] }: Play,
  letters: unknown[],
): Omit<Outcome, 'isUnfinished'> {
  const { expected } = scenario
  const {
    told = 'nothing',
    errorMessage,
    patches: { length: patches },
  } = message
  const receptions = expected.receptions === undefined ? undefined : service.receptions(message.id)
  const handedOn = bodies.filter((body) => body.includes(scenario.provider?.answer ?? '')).length
  const deadLetters = letters.filter((letter) => about(letter).messageId === message.id).length
  const [least, most] = typeof expected.patches === 'number' ? [expected.patches, expected.patches] : expected.patches
  const asExpected =
    told === expected.told &&
    errorMessage === expected.errorMessage &&
    receptions === expected.receptions &&
    deadLetters === (expected.deadLetters ?? 0) &&
    handedOn === (expected.handedOn ?? 0) &&
    patches >= least &&
    patches <= most
  return { scenario, told, errorMessage, patches, receptions, deadLetters, handedOn, asExpected }
}
