import { icon, make, show } from './dom.js'

/** What HubSpot shows of a message, in words and as a tick. */
const statuses = {
  pending: { word: 'Pending', tick: ['M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 0 0 0-12.5', 'M8 4.5V8l2.25 1.5'] },
  SENT: { word: 'Sent', tick: ['M3 8.5l3.5 3.5L13.5 4.5'] },
  READ: { word: 'Read', tick: ['M.5 8.5L4 12l7-7.5', 'M7.5 11l1 1l7-7.5'] },
  FAILED: {
    word: 'Failed',
    tick: ['M8 1.75a6.25 6.25 0 1 0 0 12.5a6.25 6.25 0 0 0 0-12.5', 'M8 4.5v4.25', 'M8 11v.25'],
  },
}

/** The agent's side: what was sent, with HubSpot's status of it. */
export function showAgent(list, messages, { selected, select }) {
  const items = messages.map(({ id, text, sentAt, told, errorMessage }) => {
    return { key: id, text, sentAt, status: told ?? 'pending', errorMessage, isSelected: id === selected }
  })
  if (show(list, items, (item) => agentsMessage(item, select))) scrollToEnd(list.parentElement)
}

function agentsMessage({ key, text, sentAt, status, errorMessage, isSelected }, select) {
  const { word, tick } = statuses[status]
  const attributes = {
    class: 'bubble',
    'data-part': 'bubble',
    'aria-pressed': String(isSelected),
    onclick: () => select(key),
  }
  return make(
    'li',
    { class: `message ${status}` },
    make(
      'button',
      attributes,
      text,
      make('span', { class: 'meta' }, clock(sentAt), ' ', icon('tick', ...tick), ' ', make('b', {}, word)),
    ),
    errorMessage && make('p', { class: 'reason' }, errorMessage),
  )
}

/** The customer's side: what arrived, and what the customer or the carrier makes of it. */
export function showPhone(list, messages, provider, { report }) {
  const items = messages
    .filter(({ receptions }) => receptions > 0)
    .map(({ id, text, receptions, customer }) => ({ key: id, text, receptions, customer }))
  if (show(list, items, (item) => customersMessage(item, provider, report))) scrollToEnd(list.parentElement)
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
    .map(({ code, title }) =>
      make(
        'li',
        {},
        make('button', { 'data-part': code, onclick: press('failed', code) }, title, ' ', make('small', {}, code)),
      ),
    )
  const isHeard = truth.delivered || truth.read || truth.failed
  const isOpen = isHeard && customer !== 'read'
  const buttons = isOpen && [
    truth.delivered && customer !== 'delivered' && button('delivered', 'Delivered', 'delivered'),
    truth.read && button('read', 'Read', 'read'),
    truth.failed &&
      customer !== 'failed' &&
      make('details', { class: 'menu', 'data-part': 'fail' }, make('summary', {}, 'Fail …'), make('ul', {}, failures)),
    customer === undefined && button('silent', 'Stay silent', 'silent'),
  ]
  return make(
    'li',
    { class: 'message' },
    make('p', { class: 'bubble' }, text, receptions > 1 && make('strong', {}, ` came ${receptions} times`)),
    !isHeard && make('p', { class: 'said' }, 'No more will be heard of it'),
    customer && make('p', { class: `said ${customer}` }, said[customer] ?? customer),
    isOpen && make('p', { class: 'buttons', role: 'group', 'aria-label': `What becomes of “${text}”` }, buttons),
  )
}

const clock = (time) => new Date(time).toLocaleTimeString('en-GB')

function scrollToEnd(thread) {
  thread.scrollTop = thread.scrollHeight
}
