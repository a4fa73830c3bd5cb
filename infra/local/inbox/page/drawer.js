import { make, show } from './dom.js'

/** Opens and closes the drawer by its two buttons, and by Escape, which gives the focus back. */
export function setUpDrawer(drawer, openers) {
  let opener
  function open(which) {
    opener = which
    drawer.hidden = which === undefined
    drawer.dataset.shows = which?.id === 'open-letters' ? 'letters' : 'faults'
    for (const one of openers) one.setAttribute('aria-expanded', String(one === which))
  }
  function close() {
    const last = opener
    open(undefined)
    last?.focus()
  }
  for (const one of openers) one.addEventListener('click', () => (one === opener ? close() : open(one)))
  for (const one of drawer.querySelectorAll('.close')) one.addEventListener('click', close)
  document.addEventListener('keydown', ({ key }) => key === 'Escape' && opener && close())
}

/** A switch for each thing that can be made to go wrong, with what it plays. */
export function drawSwitches(parent, faults, flip) {
  const groups = Object.entries(faults).map(([whose, ofThem]) =>
    make(
      'fieldset',
      {},
      make('legend', {}, whose),
      Object.entries(ofThem).map(([name, { label, says }]) =>
        make(
          'label',
          {},
          make('input', {
            type: 'checkbox',
            role: 'switch',
            name,
            'aria-label': label,
            'aria-describedby': `says-${name}`,
            onchange: ({ target }) => flip(name, target.checked),
          }),
          make('span', {}, label, make('small', { id: `says-${name}` }, says)),
        ),
      ),
    ),
  )
  parent.replaceChildren(...groups)
}

/** Which of them are on. */
export function showSwitches(parent, on = []) {
  for (const input of parent.querySelectorAll('input')) input.checked = on.includes(input.name)
}

/** What could not be done, why, and the way back. */
export function showDeadLetters(section, letters = [], { messages, filter, redrive }) {
  const items = letters
    .map(({ id, queue, reason, attempts, about }) => {
      return { key: id, queue, reason, attempts, text: messages.get(about.messageId)?.text }
    })
    .filter((item) => `${item.text} ${item.reason} ${item.queue}`.toLowerCase().includes(filter.toLowerCase()))
  section.querySelector('#letters-none').hidden = letters.length > 0
  section.querySelector('#letters-filter').hidden = letters.length === 0
  show(section.querySelector('ul'), items, ({ key, queue, reason, attempts, text }) =>
    make(
      'li',
      {},
      make(
        'p',
        {},
        text ? make('bdi', {}, `“${text}”`) : 'An event that could not be read',
        ' ',
        make('small', {}, `${queue}, tried ${attempts} ×`),
      ),
      make('p', { class: 'reason' }, reason),
      make('button', { 'data-part': 'redrive', onclick: () => redrive(queue, key) }, 'Redrive'),
    ),
  )
}
