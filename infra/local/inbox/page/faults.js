import { make } from './dom.js'

/** A switch for each thing that can be made to go wrong. */
export function drawSwitches(parent, faults, flip) {
  const groups = Object.entries(faults).map(([whose, labels]) =>
    make(
      'fieldset',
      {},
      make('legend', {}, whose),
      Object.entries(labels).map(([name, label]) =>
        make(
          'label',
          {},
          make('input', {
            type: 'checkbox',
            role: 'switch',
            name,
            onchange: ({ target }) => flip(name, target.checked),
          }),
          make('span', {}, label),
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
