/** Where the reader is, kept in the page's address: `#channel=…&message=…&tab=…&faults=…`. */
export function readAddress() {
  const params = new URLSearchParams(location.hash.slice(1))
  const faults = params.get('faults')?.split(',').filter(Boolean) ?? []
  return {
    channel: params.get('channel') ?? '',
    message: params.get('message') ?? '',
    tab: params.get('tab') ?? '',
    faults,
  }
}

/** Writes it there, without an entry in the history for each step. */
export function writeAddress({ channel, message, tab, faults }) {
  const params = new URLSearchParams()
  if (channel) params.set('channel', channel)
  if (message) params.set('message', message)
  if (tab !== 'inbox') params.set('tab', tab)
  if (faults.length > 0) params.set('faults', faults.join(','))
  const hash = `#${params}`
  if (hash !== location.hash) history.replaceState(null, '', hash)
}
