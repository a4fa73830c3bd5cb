import { make, seconds, show } from './dom.js'

/** How many messages stand where, and how soon HubSpot shows what the relay has learned. */
export function showFigures(list, { counts = {}, timeToTruth = {} }) {
  const span = (value) => (value === undefined ? '–' : seconds(value))
  const figures = [
    ['Pending', counts.pending ?? 0],
    ['Sent', counts.SENT ?? 0],
    ['Read', counts.READ ?? 0],
    ['Failed', counts.FAILED ?? 0],
    ['Time to truth, p50', span(timeToTruth.p50)],
    ['p99', span(timeToTruth.p99)],
  ]
  show(
    list,
    figures.map(([key, value]) => ({ key, value })),
    ({ key, value }) => make('div', {}, make('dt', {}, key), make('dd', {}, String(value))),
  )
}

/** What could not be done, why, and the way back. */
export function showDeadLetters(section, letters = [], messages, redrive) {
  const items = letters.map(({ id, queue, reason, attempts, about }) => {
    return { key: id, queue, reason, attempts, text: messages.get(about.messageId)?.text }
  })
  section.classList.toggle('some', items.length > 0)
  show(section.querySelector('ul'), items, ({ key, queue, reason, attempts, text }) =>
    make(
      'li',
      {},
      make(
        'p',
        {},
        text ? `“${text}”` : 'An event that could not be read',
        ' ',
        make('small', {}, `${queue}, tried ${attempts} ×`),
      ),
      make('p', { class: 'reason' }, reason),
      make('button', { 'data-part': 'redrive', onclick: () => redrive(queue, key) }, 'Redrive'),
    ),
  )
}
