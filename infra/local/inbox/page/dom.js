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
 * Makes a list show these items: draws an item again only if it has changed, and then leaves open what was open, and the
 * focus where it was. Items have a `key`.
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
  const position = focused && [...list.children].indexOf(focused.closest('[data-key]'))
  elements.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null)
  })
  while (list.children.length > elements.length) list.lastElementChild.remove()
  if (focused?.isConnected === false) focusAgain(focused, list, elements, position)
}

/** Puts the focus where it was; where that is gone, beside it: in the same item, the next one, or what scrolls around it. */
function focusAgain(focused, list, elements, position) {
  const key = keyAround(focused)
  const item =
    elements.find((element) => element.dataset.key === key) ?? elements[Math.min(position, elements.length - 1)]
  const next =
    item?.querySelector(`[data-part="${focused.dataset.part}"]`) ??
    item?.querySelector('button, summary') ??
    list.closest('[tabindex]') ??
    list.closest('section')?.querySelector('input')
  next?.focus({ preventScroll: true })
}

const keyAround = (element) => element.closest('[data-key]')?.dataset.key

function keepAsItWas(old, element) {
  for (const part of old.querySelectorAll('details[open]'))
    element.querySelector(`details[data-part="${part.dataset.part}"]`)?.setAttribute('open', '')
}

/** Changes what a scrolling box shows, and stays at its end if that was in view. Returns whether it is in view now. */
export function keepEndInView(box, change) {
  const isAtEnd = isEndInView(box)
  change()
  if (isAtEnd) box.scrollTop = box.scrollHeight
  return isEndInView(box)
}

const isEndInView = (box) => box.scrollHeight - box.scrollTop - box.clientHeight < 40

/** A time span in words. */
export function seconds(milliseconds) {
  return milliseconds < 9950 ? `${(milliseconds / 1000).toFixed(2)} s` : `${Math.round(milliseconds / 1000)} s`
}

/** Something for those who want to see it as it travelled; a request, to make it again. */
export function raw(summary, value, part, request) {
  return make(
    'details',
    { class: 'raw', 'data-part': part },
    make('summary', {}, summary),
    request && copyButton(request),
    make('pre', { tabindex: 0 }, JSON.stringify(value, undefined, 2)),
  )
}

function copyButton(request) {
  const copy = async ({ target }) => {
    await navigator.clipboard.writeText(curl(request))
    target.textContent = 'Copied'
  }
  return make('button', { 'data-part': 'copy', onclick: copy }, 'Copy as curl')
}

/** A request as a command for a shell. */
export function curl({ method, url, headers, body }) {
  const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`
  // What stands for a secret is filled in by the shell.
  const header = ([name, value]) =>
    value.includes('$') ? `-H "${name}: ${value}"` : `-H ${quoted(`${name}: ${value}`)}`
  const parts = [`curl -X ${method} ${quoted(url)}`, ...Object.entries(headers).map(header)]
  return [...parts, ...(body ? [`--data-raw ${quoted(body)}`] : [])].join(' \\\n  ')
}
