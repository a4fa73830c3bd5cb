import { make, raw, seconds, show } from './dom.js'

/** What a place is, and what it is called. */
const names = {
  agent: ['HubSpot', 'inbox'],
  'hubspot-webhook': ['Lambda', 'hubspot-webhook'],
  deliveries: ['Queue', 'deliveries'],
  'deliver-message': ['Lambda', 'deliver-message'],
  provider: ['Provider', ''],
  'provider-receipt': ['Lambda', 'provider-receipt'],
  'status-updates': ['Queue', 'status-updates'],
  'update-status': ['Lambda', 'update-status'],
  hubspot: ['HubSpot', 'status'],
}

/** The way of the message that is selected: the places, which of them it has come to, and every step with its time. */
export function showJourney(section, { message, places, queues = {}, provider }) {
  const [of, stations, steps, ledger] = ['#journey-of', '#stations', '#steps', '#ledger'].map((id) =>
    section.querySelector(id),
  )
  of.textContent = message ? `“${message.text}”` : 'Send a message, or choose one.'
  show(
    stations,
    places.map((key) => {
      const here = message?.steps.filter(({ place }) => place === key) ?? []
      const last = here.at(-1)
      return {
        key,
        name: key === 'provider' ? provider : names[key][1],
        waiting: queues[key],
        count: here.length,
        tone: last?.tone,
      }
    }),
    station,
  )
  show(
    steps,
    (message?.steps ?? []).map((step, index) => ({
      key: `${message.id} ${index}`,
      ...step,
      sentAt: message.sentAt,
      provider,
    })),
    stepOf,
  )
  const items = message?.ledger ? [{ key: `ledger of ${message.id}`, item: message.ledger }] : []
  show(ledger, items, ({ item }) => raw('What the ledger holds of it', item, 'ledger'))
}

function station({ key, name, waiting, count, tone = 'plain' }) {
  return make(
    'li',
    { class: count > 0 ? `been ${tone}` : '' },
    make('small', {}, names[key][0]),
    make('span', {}, name),
    waiting !== undefined && make('small', { class: 'depth' }, `${waiting} waiting`),
  )
}

const isHubSpot = (place) => names[place][0] === 'HubSpot'

function stepOf({ at, sentAt, place, what, tone = 'plain', raw: value, provider }) {
  return make(
    'li',
    { class: tone },
    make('time', { datetime: new Date(at).toISOString() }, `+${seconds(Math.max(0, at - sentAt))}`),
    make('span', { class: 'place' }, place === 'provider' ? provider : isHubSpot(place) ? 'HubSpot' : names[place][1]),
    make('span', { class: 'what' }, what),
    value !== undefined && raw('Raw', value, 'raw'),
  )
}
