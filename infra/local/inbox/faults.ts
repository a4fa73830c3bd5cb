import type { LocalRelay } from '../local-relay.ts'
import type { Conduct, ProviderSimulator, Receipt } from '../providers/simulator.ts'

/**
 * What can be made to go wrong, by whose fault it is. The page has a switch for each, says what it plays, and shows the
 * short form at the stations of the journey where it sits.
 */
export const faultLabels = {
  HubSpot: {
    'hubspot-slow': { label: 'Slow', says: 'Each call takes three seconds.', short: 'slow', at: ['hubspot'] },
    'hubspot-429': {
      label: 'Rate limit reached',
      says: 'Every call is answered 429: other apps have used up the limit.',
      short: '429',
      at: ['hubspot'],
    },
    'hubspot-500': { label: 'Server errors', says: 'Every call is answered 500.', short: '500', at: ['hubspot'] },
    'hubspot-404': {
      label: 'Message not there at first',
      says: 'The first two updates of each new message are answered 404.',
      short: '404',
      at: ['hubspot'],
    },
    'hubspot-400': {
      label: 'Refuses the status',
      says: 'Every update is answered 400, as a request that HubSpot will never take.',
      short: '400',
      at: ['hubspot'],
    },
    'hubspot-down': { label: 'Down', says: 'Connections are refused.', short: 'down', at: ['hubspot'] },
  },
  Provider: {
    'provider-slow': { label: 'Slow', says: 'Each send takes three seconds.', short: 'slow', at: ['provider'] },
    'provider-down': { label: 'Down', says: 'Connections are refused.', short: 'down', at: ['provider'] },
    'provider-lost-answer': {
      label: 'Its answer is lost',
      says: 'It takes the message, and the connection breaks before it says so.',
      short: 'answer lost',
      at: ['provider'],
    },
    'provider-duplicates': {
      label: 'Receipts come three times',
      says: 'Each receipt is posted three times.',
      short: '3 ×',
      at: ['provider-receipt'],
    },
    'provider-disorder': {
      label: 'Receipts come in the wrong order',
      says: '“Read” is posted first, “delivered” and “sent” after it.',
      short: 'disorder',
      at: ['provider-receipt'],
    },
  },
  SQS: {
    'sqs-duplicates': {
      label: 'Every message comes twice',
      says: 'Both queues hand each of their messages out twice, as SQS may.',
      short: '2 ×',
      at: ['deliveries', 'status-updates'],
    },
  },
} as const

type Labels = typeof faultLabels
/** The name of something that can be made to go wrong. */
export type FaultName = { [Whose in keyof Labels]: keyof Labels[Whose] }[keyof Labels]

/** Every fault's name. */
export const faultNames = Object.values(faultLabels).flatMap(Object.keys) as FaultName[]

/** The switches of a running relay. `providers` are there only once the relay is. */
export function createFaults({ hubspot, stack }: LocalRelay, providers: () => ProviderSimulator[]) {
  const on = new Set<FaultName>()
  const toAllProviders = (what: 'goDown' | 'goUp') => Promise.all(providers().map((provider) => provider[what]()))

  /** Switches one on or off. */
  async function set(name: FaultName, isOn: boolean) {
    if (on.has(name) === isOn) return
    if (isOn) on.add(name)
    else on.delete(name)
    const hubspotFault = hubspotFaults[name]
    if (hubspotFault && isOn) hubspot.faults.push(hubspotFault)
    if (hubspotFault && !isOn) hubspot.faults.splice(hubspot.faults.indexOf(hubspotFault), 1)
    if (name === 'hubspot-down') await (isOn ? hubspot.goDown() : hubspot.goUp())
    if (name === 'provider-down') await toAllProviders(isOn ? 'goDown' : 'goUp')
    if (name === 'sqs-duplicates') stack.queueBehaviour.duplicates = isOn
  }

  return {
    on: () => [...on],
    set,
    /** Switches all of them off. */
    async reset() {
      for (const name of [...on]) await set(name, false)
    },
    /** What HubSpot does with the calls for a message that is sent now. */
    ofMessage: () => (on.has('hubspot-404') ? [{ method: 'PATCH' as const, answer: { status: 404 }, times: 2 }] : []),
    /** How providers answer a send. */
    answers(): Conduct['answers'] {
      const delayMs = on.has('provider-slow') ? 3000 : 0
      return on.has('provider-lost-answer') ? [{ reply: 'reset', takes: true, delayMs }, { delayMs }] : [{ delayMs }]
    },
    /** The receipts that a provider posts to report one status. */
    receipts(receipt: Receipt): Receipt[] {
      const times = on.has('provider-duplicates') ? 3 : 1
      const late = on.has('provider-disorder') ? earlier[receipt.status] : []
      return [receipt, ...late.map((status) => ({ status }))].map((one) => ({ ...one, times }))
    },
  }
}

const always = { method: 'PATCH', times: 'always' } as const
const hubspotFaults: Partial<Record<FaultName, LocalRelay['hubspot']['faults'][number]>> = {
  'hubspot-slow': { ...always, delayMs: 3000 },
  'hubspot-429': { ...always, answer: { status: 429 } },
  'hubspot-500': { ...always, answer: { status: 500 } },
  'hubspot-400': { ...always, answer: { status: 400 } },
}

/** What should have been reported before a status, the latest first. */
const earlier: Record<Receipt['status'], Receipt['status'][]> = {
  sent: [],
  delivered: ['sent'],
  read: ['delivered', 'sent'],
  failed: ['sent'],
}
