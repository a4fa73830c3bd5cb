import type { Provider } from './accounts.ts'
import { forward } from './forward/receipt.ts'
import type { ReceiptAdapter } from './provider.ts'
import { twilio } from './twilio/receipt.ts'
import { whatsapp } from './whatsapp/receipt.ts'

/** How each provider reports what became of messages; those that are not here never do. */
export const receipts: Partial<Record<Provider, ReceiptAdapter<unknown>>> = { forward, twilio, whatsapp }
