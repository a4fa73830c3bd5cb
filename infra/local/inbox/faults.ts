import type { LocalRelay } from '../local-relay.ts'
import type { Conduct, ProviderSimulator, Receipt } from '../provider-simulator.ts'

/** What can be made to go wrong, by whose fault it is. The page has a switch for each. */
export const faultLabels = {
  HubSpot: {
    'hubspot-slow': 'Slow, 3 s for each answer',
    'hubspot-429': 'Rate limit reached (429)',
    'hubspot-500': 'Server errors (500)',
    'hubspot-404': 'Message not there at first (404)',
    'hubspot-400': 'Refuses the status (400)',
    'hubspot-down': 'Down',
  },
  Provider: {
    'provider-slow': 'Slow, 3 s for each answer',
    'provider-down': 'Down',
    'provider-lost-answer': 'Takes it, its answer is lost',
    'provider-duplicates': 'Receipts come three times',
    'provider-disorder': 'Receipts come in the wrong order',
  },
  SQS: { 'sqs-duplicates': 'Every message comes twice' },
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
