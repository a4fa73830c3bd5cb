import * as z from 'zod'

/** Where a provider is called: HTTPS, or plain HTTP on loopback. */
export const Endpoint = z
  .url({ protocol: /^https?$/ })
  .refine((url) => url.startsWith('https://') || isOnLoopback(url), 'must be https')

// What is no URL at all comes here, too.
const isOnLoopback = (url: string) =>
  URL.canParse(url) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname)
