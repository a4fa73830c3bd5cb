import type { Provider } from './accounts.ts'
import { forward } from './forward/receipt.ts'
import type { ReceiptFace } from './provider.ts'

/** How each provider reports what became of messages. */
export const receipts: Record<Provider, ReceiptFace<unknown>> = { forward }
