import * as z from 'zod'

/** Where a provider is called: HTTPS, or plain HTTP on loopback. */
export const Endpoint = z
  .url({ protocol: /^https?$/ })
  .refine(
    (url) => url.startsWith('https://') || ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname),
    'must be https',
  )
