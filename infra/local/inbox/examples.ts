import type { Conduct } from '../providers/simulator.ts'
import type { Inbox } from './inbox.ts'

/** Sends a few messages over each channel, with the fates that its provider knows, and leaves the last one to the page's buttons. */
export function playExamples({ providers, play }: Inbox) {
  for (const { channelAccountId, truth, simulator } of providers) {
    const failure = simulator.errors.find(({ at }) => at === (truth.failed ? 'receipt' : 'send'))
    const fates: [text: string, fate: Conduct][] = [
      ['Your parcel is at the door.', well(truth)],
      ['Your technician comes on Tuesday at nine.', failure ? badly(failure) : {}],
      ['Did everything arrive?', {}],
    ]
    for (const [text, fate] of fates) play(channelAccountId, text, fate).catch(() => {})
  }
}

type Truth = Inbox['providers'][number]['truth']

function well({ delivered, read }: Truth): Conduct {
  const receipts = [delivered && { status: 'delivered' as const }, read && { status: 'read' as const, afterMs: 1500 }]
  return { receipts: receipts.filter((receipt) => receipt !== false) }
}

function badly({ code, at }: { code: string; at: 'send' | 'receipt' }): Conduct {
  return at === 'send' ? { answers: [{ error: code }] } : { receipts: [{ status: 'failed', code, afterMs: 1000 }] }
}
