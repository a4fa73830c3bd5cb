import type { Provider } from './accounts.ts'
import { forward } from './forward/send.ts'
import { line } from './line/send.ts'
import type { SendAdapter } from './provider.ts'
import { telegram } from './telegram/send.ts'
import { twilio } from './twilio/send.ts'
import { whatsapp } from './whatsapp/send.ts'

/** How each provider sends. */
export const senders: Record<Provider, SendAdapter<unknown>> = { forward, line, telegram, twilio, whatsapp }
