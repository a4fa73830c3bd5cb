const svgNamespace = 'http://www.w3.org/2000/svg'

/** Makes an element: `make('p', { class: 'x', onclick() {} }, 'text', child)`. Attributes that are false or absent are left out. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name)
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith('on')) element.addEventListener(key.slice(2), value)
    else if (value !== undefined && value !== false) element.setAttribute(key, value === true ? '' : value)
  }
  element.append(...children.flat().filter((child) => child !== undefined && child !== false))
  return element
}

/** Makes a picture of lines on a 16 by 16 grid. */
export function icon(className, ...paths) {
  const svg = document.createElementNS(svgNamespace, 'svg')
  svg.setAttribute('class', className)
  svg.setAttribute('viewBox', '0 0 16 16')
  svg.setAttribute('aria-hidden', 'true')
  for (const d of paths) {
    const path = document.createElementNS(svgNamespace, 'path')
    path.setAttribute('d', d)
    svg.append(path)
  }
  return svg
}

/**
 * Makes a list show these items: draws an item anew only if it has changed, and then leaves open what was open, and the
 * focus where it was. Items have a `key`. Returns whether there are more of them than before.
 */
export function show(list, items, draw) {
  const before = new Map([...list.children].map((element) => [element.dataset.key, element]))
  const elements = items.map((item) => {
    const old = before.get(item.key)
    const state = JSON.stringify(item)
    if (old?.state === state) return old
    const element = draw(item)
    element.dataset.key = item.key
    element.state = state
    if (old) keepAsItWas(old, element)
    return element
  })
  const focused = list.contains(document.activeElement) ? document.activeElement : undefined
  elements.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null)
  })
  while (list.children.length > elements.length) list.lastElementChild.remove()
  const again = focused?.isConnected === false && elements.find((element) => element.dataset.key === keyAround(focused))
  if (again) again.querySelector(`[data-part="${focused.dataset.part}"]`)?.focus()
  return elements.length > before.size
}

const keyAround = (element) => element.closest('[data-key]')?.dataset.key

function keepAsItWas(old, element) {
  for (const part of old.querySelectorAll('details[open]'))
    element.querySelector(`details[data-part="${part.dataset.part}"]`)?.setAttribute('open', '')
}

/** A time span in words. */
export function seconds(milliseconds) {
  return milliseconds < 9950 ? `${(milliseconds / 1000).toFixed(2)} s` : `${Math.round(milliseconds / 1000)} s`
}

/** Something for those who want to see it as it travelled. */
export function raw(summary, value, part) {
  const text = JSON.stringify(value, undefined, 2)
  return make(
    'details',
    { class: 'raw', 'data-part': part },
    make('summary', {}, summary),
    make('pre', { tabindex: 0 }, text),
  )
}
