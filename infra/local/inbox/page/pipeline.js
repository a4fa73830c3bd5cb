import { make, show } from './dom.js'

/** What a component is, and what it is called. */
export const names = {
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

const calm = matchMedia('(prefers-reduced-motion: reduce)')
/** How many steps of each message were shown. */
const shown = new Map()

/** The way of every message: its components, what waits or breaks there, and where the chosen message is. */
export function showPipeline(section, { components, provider, messages, selected, overview, faults }) {
  const { queues = {}, deadLetters = [], faults: on = [] } = overview
  const steps = selected?.steps ?? []
  const list = section.querySelector('#stations')
  show(
    list,
    components.map((key) => {
      const letters = deadLetters.filter(({ queue }) => queue === key).length
      return {
        key,
        name: key === 'provider' ? provider : names[key][1],
        waiting: queues[key],
        letters,
        broken: on
          .map((name) => faults[name])
          .filter(({ at }) => at.includes(key))
          .map(({ short }) => short),
        been: steps.some(({ component }) => component === key),
        tone: steps.findLast(({ component }) => component === key)?.tone,
      }
    }),
    station,
  )
  for (const message of messages) {
    for (const { component } of message.steps.slice(shown.get(message.id) ?? message.steps.length))
      pulse(list, component)
    shown.set(message.id, message.steps.length)
  }
  travel(section.querySelector('#traveller'), list, steps.at(-1))
}

function station({ key, name, waiting, letters, broken, been, tone = 'plain' }) {
  const depths = [
    waiting !== undefined && make('small', { class: waiting > 0 ? 'depth some' : 'depth' }, `${waiting} waiting`),
    letters > 0 && make('small', { class: 'depth dead' }, `${letters} dead letter${letters > 1 ? 's' : ''}`),
  ]
  return make(
    'li',
    { class: `${been ? `been ${tone}` : ''} ${broken.length > 0 ? 'broken' : ''}` },
    make('small', {}, names[key][0]),
    make('span', { class: 'name' }, name),
    depths,
    broken.map((short) => make('small', { class: 'fault' }, `⚡ ${short}`)),
  )
}

/** Moves the token to where the chosen message was last seen. */
function travel(traveller, list, step) {
  const element = step && [...list.children].find(({ dataset }) => dataset.key === step.component)
  traveller.hidden = !element
  if (!element) return
  traveller.className = step.tone ?? ''
  traveller.style.translate = `${element.offsetLeft + element.offsetWidth / 2}px ${element.offsetTop}px`
}

function pulse(list, component) {
  const element = [...list.children].find(({ dataset }) => dataset.key === component)
  if (element && !calm.matches)
    element.animate([{ backgroundColor: 'var(--tint)' }, { backgroundColor: 'transparent' }], 900)
}
