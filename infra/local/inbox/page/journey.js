import { status } from './conversation.js'
import { keepEndInView, make, raw, seconds, show } from './dom.js'
import { names } from './pipeline.js'

/** The way of the chosen message: how it ended so far, and every step with its time. */
export function showJourney(section, { message, provider }) {
  const [of, outcome, thread, steps, ledger] = ['#journey-of', '#outcome', '.thread', '#steps', '#ledger'].map((id) =>
    section.querySelector(id),
  )
  of.textContent = message ? `“${message.text}”` : 'Send a message, or choose one.'
  of.title = message?.text ?? ''
  showOutcome(outcome, message)
  keepEndInView(thread, () =>
    show(
      steps,
      (message?.steps ?? []).map((step, index) => ({
        key: `${message.id} ${index}`,
        ...step,
        sentAt: message.sentAt,
        provider,
      })),
      stepOf,
    ),
  )
  const items = message?.ledger ? [{ key: `ledger of ${message.id}`, item: message.ledger }] : []
  show(ledger, items, ({ item }) => raw('What the ledger holds of it', item, 'ledger'))
}

function showOutcome(outcome, message) {
  const state = JSON.stringify([message?.told, message?.errorMessage])
  if (outcome.dataset.state === state) return
  outcome.dataset.state = state
  const parts = message
    ? [
        'HubSpot shows ',
        make('b', {}, status(message.told ?? 'SENT')),
        message.errorMessage && make('span', { class: 'reason' }, ` ${message.errorMessage}`),
      ]
    : []
  outcome.replaceChildren(...parts.filter(Boolean))
}

const isHubSpot = (component) => names[component][0] === 'HubSpot'

function stepOf({ at, sentAt, component, what, tone = 'plain', request, raw: value, provider }) {
  return make(
    'li',
    // What a request was answered is no outcome: those have the colours.
    { class: request ? 'plain' : tone },
    make('time', { datetime: new Date(at).toISOString() }, `+${seconds(Math.max(0, at - sentAt))}`),
    make(
      'span',
      { class: 'component' },
      component === 'provider' ? provider : isHubSpot(component) ? 'HubSpot' : names[component][1],
    ),
    make('span', { class: 'what' }, what),
    value !== undefined && raw('Raw', value, 'raw', request),
  )
}
