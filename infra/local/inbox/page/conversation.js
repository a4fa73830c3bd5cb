import { icon, keepEndInView, make, show } from './dom.js'

/** What HubSpot shows of a message, in words and as a tick. */
export const statuses = {
  SENT: { word: 'Sent', tick: ['M3 8.5l3.5 3.5L13.5 4.5'] },
  READ: { word: 'Read', tick: ['M.5 8.5L4 12l7-7.5', 'M7.5 11l1 1l7-7.5'] },
  FAILED: {
    word: 'Failed',
    tick: ['M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 0 0 0-12.5', 'M8 4.5v4.25', 'M8 11v.25'],
  },
}

/** The agent's side: what was sent, what HubSpot shows of it by itself, and what with the relay. Returns whether its end is in view. */
export function showAgent(thread, messages, { selected, select, now }) {
  const items = messages.map(({ id, text, sentAt, told, errorMessage, inDoubtUntil }) => {
    const secondsInDoubt = inDoubtUntil && Math.ceil((inDoubtUntil - now) / 1000)
    return { key: id, text, sentAt, told, errorMessage, secondsInDoubt, isSelected: id === selected }
  })
  return keepEndInView(thread, () => show(thread.querySelector('ol'), items, (item) => agentsMessage(item, select)))
}

function agentsMessage({ key, text, sentAt, told, errorMessage, secondsInDoubt, isSelected }, select) {
  const attributes = {
    class: 'bubble',
    'data-part': 'bubble',
    'aria-pressed': String(isSelected),
    onclick: () => select(key),
  }
  const isWrong = told === 'FAILED'
  const note = secondsInDoubt > 0 ? `in doubt, unconfirmed in ${secondsInDoubt} s` : told ? undefined : 'no word yet'
  return make(
    'li',
    { class: `message ${told ?? 'untold'}` },
    make(
      'button',
      attributes,
      make('span', { class: 'text', dir: 'auto' }, text),
      make(
        'span',
        { class: 'truths' },
        make('span', { class: 'alone' }, 'HubSpot alone ', make(isWrong ? 's' : 'span', {}, status('SENT'))),
        make('span', { class: 'relayed' }, 'with the relay ', make('b', {}, status(told ?? 'SENT'))),
        note && make('i', {}, note),
        make('time', { datetime: new Date(sentAt).toISOString() }, clock(sentAt)),
      ),
    ),
    errorMessage && make('p', { class: 'reason', dir: 'auto' }, errorMessage),
  )
}

/** A status as HubSpot's tick and word. */
export function status(name) {
  const { word, tick } = statuses[name]
  return make('span', { class: `status ${name}` }, icon('tick', ...tick), word)
}

/** The customer's side: what arrived, and what the customer or the carrier makes of it. */
export function showPhone(thread, messages, provider, { report }) {
  const items = messages
    .filter(({ receptions }) => receptions > 0)
    .map(({ id, text, receptions, customer }) => ({ key: id, text, receptions, customer }))
  keepEndInView(thread, () =>
    show(thread.querySelector('ol'), items, (item) => customersMessage(item, provider, report)),
  )
}

const said = {
  sent: 'On its way',
  delivered: 'Delivered',
  read: 'Read',
  failed: 'Failed',
  silent: 'Silent: no word will come',
}

function customersMessage({ key, text, receptions, customer }, { truth, errors }, report) {
  const press = (status, code) => () => report(key, status, code)
  const button = (part, label, status) => make('button', { 'data-part': part, onclick: press(status) }, label)
  const failures = errors
    .filter(({ at }) => at === 'receipt')
    .map(({ code, title, sentence }) =>
      make('li', {}, make('button', { 'data-part': code, title, onclick: press('failed', code) }, sentence)),
    )
  const isHeard = truth.delivered || truth.read || truth.failed
  const isOpen = isHeard && customer !== 'read'
  const buttons = isOpen && [
    truth.delivered && customer !== 'delivered' && button('delivered', 'Delivered', 'delivered'),
    truth.read && button('read', 'Read', 'read'),
    truth.failed &&
      customer !== 'failed' &&
      make(
        'details',
        { class: 'menu', 'data-part': 'fail', ontoggle: ({ target }) => target.open && bringIntoView(target) },
        make('summary', {}, 'Fail …'),
        make('ul', {}, failures),
      ),
    customer === undefined && button('silent', 'Stay silent', 'silent'),
  ]
  return make(
    'li',
    { class: 'message' },
    make(
      'p',
      { class: 'bubble' },
      make('span', { class: 'text', dir: 'auto' }, text),
      receptions > 1 && make('strong', {}, ` came ${receptions} times`),
    ),
    !isHeard && make('p', { class: 'said' }, 'No more will be heard of it'),
    customer && make('p', { class: `said ${customer}` }, said[customer] ?? customer),
    isOpen && make('p', { class: 'buttons', role: 'group', 'aria-label': `What becomes of “${text}”` }, buttons),
  )
}

// The choices open below what was pressed, which may be the last line that fits.
const bringIntoView = (menu) => menu.scrollIntoView({ block: 'nearest' })

const clock = (time) => new Date(time).toLocaleTimeString('en-GB')
