import { make } from './dom.js'

const steps = [
  ['sent', 'Send', 'Write to the customer. HubSpot says “Sent” at once, whatever happens.'],
  ['failed', 'Let it fail', 'On the phone, press “Fail …” and choose why. The agent reads it a moment later.'],
  ['broken', 'Break HubSpot', '“Break something”, switch on server errors, send again. Then fix it, and watch.'],
]
const key = 'first minute'
const read = () => JSON.parse(localStorage.getItem(key) ?? '{}')
const write = (what) => localStorage.setItem(key, JSON.stringify({ ...read(), ...what }))

/** Three steps for somebody who has just come; once dismissed they never come back. */
export function setUpFirstMinute(section) {
  section.querySelector('button').addEventListener('click', () => {
    write({ dismissed: true })
    showFirstMinute(section)
  })
  showFirstMinute(section)
}

/** Notes what the reader has done. */
export function didFirst(section, step) {
  if (read()[step]) return
  write({ [step]: true })
  showFirstMinute(section)
}

function showFirstMinute(section) {
  const done = read()
  section.hidden = done.dismissed === true
  const next = steps.find(([name]) => !done[name])?.[0]
  section
    .querySelector('ol')
    .replaceChildren(
      ...steps.map(([name, title, says]) =>
        make(
          'li',
          { class: done[name] ? 'done' : '', 'aria-current': name === next && 'step' },
          make('b', { class: 'step' }, done[name] ? `✓ ${title}` : title),
          make('span', { class: 'says' }, says),
        ),
      ),
    )
}
