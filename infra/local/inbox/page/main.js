import { showAgent, showPhone } from './conversation.js'
import { make } from './dom.js'
import { drawSwitches, showSwitches } from './faults.js'
import { showJourney } from './journey.js'
import { showDeadLetters, showFigures } from './overview.js'

const find = (selector) => document.querySelector(selector)
const messages = new Map()
let welcome = { providers: [], places: [], faults: {} }
let overview = {}
let channel = ''
let selected = ''

const events = new EventSource('events')
events.onmessage = ({ data }) => {
  const tiding = JSON.parse(data)
  hear[tiding.kind](tiding[tiding.kind])
  drawSoon()
}
events.onerror = () => say('The relay is not there. Start it again with npm start; this page comes back by itself.')

const hear = {
  welcome(all) {
    welcome = all
    overview = all.overview
    messages.clear()
    for (const message of all.messages) messages.set(message.id, message)
    channel = all.providers.some((one) => one.channelAccountId === channel)
      ? channel
      : all.providers[0].channelAccountId
    selected = messages.has(selected) ? selected : (ofChannel().at(-1)?.id ?? '')
    drawChannels()
    drawSwitches(find('#switches'), all.faults, (name, on) => act({ do: 'fault', name, on }))
    say('')
  },
  message(message) {
    const isNew = !messages.has(message.id)
    messages.set(message.id, message)
    if (isNew && message.channelAccountId === channel) selected = message.id
  },
  overview(seen) {
    overview = seen
  },
  notice: say,
}

find('#composer').addEventListener('submit', (event) => {
  event.preventDefault()
  const { text } = event.target.elements
  if (text.value.trim()) act({ do: 'send', channelAccountId: channel, text: text.value })
  text.value = ''
})
find('#refusal').addEventListener('change', ({ target }) => {
  act({ do: 'refuse', channelAccountId: channel, code: target.value || null })
})
for (const button of document.querySelectorAll('button[data-do]'))
  button.addEventListener('click', () => act({ do: button.dataset.do }))

async function act(what) {
  const response = await fetch('act', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(what),
  }).catch(() => undefined)
  if (!response?.ok) say('That did not work.')
}

let silence
function say(notice) {
  find('#notice').textContent = notice
  clearTimeout(silence)
  if (events.readyState === EventSource.OPEN) silence = setTimeout(say, 10_000, '')
}

/** The channels to choose from; a conversation goes over one of them. */
function drawChannels() {
  const choices = welcome.providers.map(({ name, channelAccountId }) =>
    make(
      'label',
      {},
      make('input', {
        type: 'radio',
        name: 'channel',
        value: channelAccountId,
        checked: channelAccountId === channel,
        onchange() {
          channel = channelAccountId
          selected = ofChannel().at(-1)?.id ?? ''
          drawPhone()
          drawSoon()
        },
      }),
      make('span', {}, name),
    ),
  )
  find('#channels').replaceChildren(find('#channels legend'), ...choices)
  drawPhone()
}

function drawPhone() {
  const { name, truth, errors } = provider()
  find('#phone-by').textContent = `via ${name}`
  find('#truth').textContent = `“Sent” means here: ${truth.sentMeans}`
  const refusals = errors.filter(({ at }) => at === 'send')
  find('#refusal').replaceChildren(
    make('option', { value: '' }, 'taken'),
    ...refusals.map(({ code, title }) => make('option', { value: code }, `answered: ${title}`)),
  )
}

const provider = () => welcome.providers.find((one) => one.channelAccountId === channel)
const ofChannel = () => [...messages.values()].filter((message) => message.channelAccountId === channel)

let isDue = false
function drawSoon() {
  if (!isDue) requestAnimationFrame(draw)
  isDue = true
}

function draw() {
  isDue = false
  const conversation = ofChannel()
  showFigures(find('#figures'), overview)
  showAgent(find('#agent .thread ol'), conversation, {
    selected,
    select(id) {
      selected = id
      drawSoon()
    },
  })
  showPhone(find('#phone .thread ol'), conversation, provider(), {
    report: (messageId, status, code) => act({ do: 'report', messageId, status, code }),
  })
  find('#refusal').value = overview.refusals?.[channel] ?? ''
  showSwitches(find('#switches'), overview.faults)
  const { places } = welcome
  showJourney(find('#journey'), {
    message: messages.get(selected),
    places,
    queues: overview.queues,
    provider: provider().name,
  })
  showDeadLetters(find('#letters'), overview.deadLetters, messages, (queue, id) => act({ do: 'redrive', queue, id }))
}
