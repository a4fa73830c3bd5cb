import { readAddress, writeAddress } from './address.js'
import { showAgent, showPhone } from './conversation.js'
import { make, seconds, show } from './dom.js'
import { drawSwitches, setUpDrawer, showDeadLetters, showSwitches } from './drawer.js'
import { didFirst, setUpFirstMinute } from './first-minute.js'
import { showJourney } from './journey.js'
import { showPipeline } from './pipeline.js'

const find = (selector) => document.querySelector(selector)
const messages = new Map()
let welcome = { providers: [], components: [], faults: {} }
let overview = {}
let { channel, message: selected, tab, faults: wanted } = readAddress()
/** Whether the newest message is shown in the journey, as long as nobody chose another. */
let follows = selected === ''

const events = new EventSource('events')
events.onmessage = ({ data }) => {
  const event = JSON.parse(data)
  hear[event.kind](event[event.kind])
  drawSoon()
}
events.onerror = () => say('The relay is not there. Start it again with npm start; this page comes back by itself.')

const hear = {
  welcome(all) {
    welcome = all
    overview = all.overview
    messages.clear()
    for (const message of all.messages) messages.set(message.id, message)
    if (!all.providers.some((one) => one.channelAccountId === channel)) channel = all.providers[0].channelAccountId
    if (!messages.has(selected)) selected = ofChannel().at(-1)?.id ?? ''
    drawChannels()
    drawSwitches(find('#switches'), all.faults, (name, on) => {
      if (on && name.startsWith('hubspot')) didFirst(find('#first-minute'), 'broken')
      act({ do: 'fault', name, on })
    })
    // What the address asks for is put on once; from then on it says what is on.
    for (const name of wanted.filter((name) => name in faults())) act({ do: 'fault', name, on: true })
    wanted = []
    say('')
  },
  message(message) {
    const isNew = !messages.has(message.id)
    messages.set(message.id, message)
    if (isNew && message.channelAccountId === channel && follows) selected = message.id
  },
  overview(seen) {
    overview = seen
  },
  notice: say,
}

// What is being written outlives a reload.
const keepDraft = () => sessionStorage.setItem('draft', find('#text').value)
find('#text').value = sessionStorage.getItem('draft') ?? ''
find('#text').addEventListener('input', keepDraft)
find('#composer').addEventListener('submit', async (event) => {
  event.preventDefault()
  const { text } = event.target.elements
  const written = text.value
  if (!written.trim()) return
  follows = true
  // What is sent is to be seen.
  find('#filter').value = ''
  const isSent = await act({ do: 'send', channelAccountId: channel, text: written })
  if (!isSent) return
  if (text.value === written) text.value = ''
  keepDraft()
  const thread = find('#agent .thread')
  thread.scrollTop = thread.scrollHeight
  didFirst(find('#first-minute'), 'sent')
})
find('#rejection').addEventListener('change', ({ target }) => {
  act({ do: 'reject', channelAccountId: channel, code: target.value || null })
})
for (const button of document.querySelectorAll('button[data-do]'))
  button.addEventListener('click', () => act({ do: button.dataset.do }))
for (const input of [find('#filter'), find('#letters-filter')]) input.addEventListener('input', drawSoon)
for (const button of document.querySelectorAll('#tabs button'))
  button.addEventListener('click', () => {
    tab = button.dataset.tab
    drawSoon()
  })
find('#agent .newer').addEventListener('click', () => {
  const thread = find('#agent .thread')
  thread.scrollTop = thread.scrollHeight
  thread.focus()
  drawSoon()
})
find('#agent .thread').addEventListener('scroll', drawSoon, { passive: true })
addEventListener('resize', drawSoon)
setUpDrawer(find('#drawer'), [find('#open-faults'), find('#open-letters')])
setUpFirstMinute(find('#first-minute'))

/** Has the relay's side do something; resolves with whether it did. */
async function act(what) {
  const response = await fetch('act', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(what),
  }).catch(() => undefined)
  if (!response?.ok) say('That did not work: the relay does not answer.')
  return response?.ok === true
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
          follows = true
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
  const rejections = errors.filter(({ at }) => at === 'send')
  find('#rejection').replaceChildren(
    make('option', { value: '' }, 'taken'),
    ...rejections.map(({ code, sentence }) => make('option', { value: code }, `refused: ${sentence}`)),
  )
}

const provider = () => welcome.providers.find((one) => one.channelAccountId === channel)
const faults = () => Object.assign({}, ...Object.values(welcome.faults))
const ofChannel = () => [...messages.values()].filter((message) => message.channelAccountId === channel)

let isDue = false
function drawSoon() {
  if (!isDue) requestAnimationFrame(draw)
  isDue = true
}

function draw() {
  isDue = false
  if (!provider()) return
  const filter = find('#filter').value.toLowerCase()
  const conversation = ofChannel().filter(({ text, errorMessage = '' }) =>
    `${text} ${errorMessage}`.toLowerCase().includes(filter),
  )
  showTab()
  showTruth()
  find('#filter-none').hidden = filter === '' || conversation.length > 0
  const isEndInView = showAgent(find('#agent .thread'), conversation, {
    selected,
    now: Date.now(),
    select(id) {
      selected = id
      follows = id === ofChannel().at(-1)?.id
      drawSoon()
    },
  })
  find('#agent .newer').hidden = isEndInView
  showPhone(find('#phone .thread'), conversation, provider(), {
    report(messageId, status, code) {
      if (status === 'failed') didFirst(find('#first-minute'), 'failed')
      act({ do: 'report', messageId, status, code })
    },
  })
  find('#rejection').value = overview.rejections?.[channel] ?? ''
  const on = overview.faults ?? []
  showSwitches(find('#switches'), on)
  find('#open-faults').textContent = on.length > 0 ? `Break something (${on.length} on)` : 'Break something'
  find('#faults [data-do="reset"]').disabled = on.length === 0
  const letters = overview.deadLetters ?? []
  find('#open-letters').textContent = letters.length > 0 ? `Dead letters (${letters.length})` : 'Dead letters'
  showDeadLetters(find('#letters'), letters, {
    messages,
    filter: find('#letters-filter').value,
    redrive: (queue, id) => act({ do: 'redrive', queue, id }),
  })
  showPipeline(find('#pipeline'), {
    components: welcome.components,
    provider: provider().name,
    messages: messages.values(),
    selected: messages.get(selected),
    overview,
    faults: faults(),
  })
  showJourney(find('#journey'), { message: messages.get(selected), provider: provider().name })
  writeAddress({ channel, message: selected, tab, faults: wanted.length > 0 ? wanted : on })
  // Whoever is in doubt counts down.
  if (conversation.some(({ inDoubtUntil }) => inDoubtUntil > Date.now())) setTimeout(drawSoon, 1000)
}

/** How many messages HubSpot alone would show as sent that failed, and how soon the relay tells what it learns. */
function showTruth() {
  const all = [...messages.values()]
  const wrong = all.filter(({ told }) => told === 'FAILED').length
  const { p50, p99 } = overview.timeToTruth ?? {}
  const span = (value) => (value === undefined ? '–' : seconds(value))
  show(find('#headline'), [{ key: 'headline', wrong, of: all.length }], () =>
    make('span', {}, make('b', {}, `${wrong} of ${all.length}`), ' would be shown as sent, wrongly'),
  )
  show(
    find('#figures'),
    [
      { key: 'Time to truth, p50', value: span(p50) },
      { key: 'p99', value: span(p99) },
    ],
    ({ key, value }) => make('div', {}, make('dt', {}, key), make('dd', {}, value)),
  )
}

/** Narrow screens show one part at a time. */
function showTab() {
  const isKnown = [...document.querySelectorAll('#tabs button')].some(({ dataset }) => dataset.tab === tab)
  if (!isKnown) tab = 'inbox'
  document.body.dataset.tab = tab
  for (const button of document.querySelectorAll('#tabs button'))
    if (button.dataset.tab === tab) button.setAttribute('aria-current', 'page')
    else button.removeAttribute('aria-current')
}
