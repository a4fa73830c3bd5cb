import { GetItemCommand } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { ledgerKey } from '../../../functions/messages/record.ts'
import { isAbove, readsTheSame, Status, type StatusType, statusTypeOf } from '../../../functions/messages/status.ts'
import type { Message } from '../hubspot/state.ts'
import type { LocalRelay } from '../local-relay.ts'
import { type Happening, ofEvent, ofLine, readLine, type Step } from './journey.ts'

/** What the page shows of a message. */
export type MessageView = {
  id: string
  channelAccountId: string
  text: string
  to: string
  sentAt: number
  /** What HubSpot was told last; absent while it was told nothing, and shows SENT by itself. */
  told: StatusType | undefined
  errorMessage: string | undefined
  /** Until when a word of the provider is waited for, where a send's own answer was lost; then it is not confirmed. */
  inDoubtUntil: number | undefined
  /** How often the customer got it. */
  receptions: number
  /** What the customer's side said of it last, in the page's name or by itself. */
  customer: string | undefined
  steps: Step[]
  /** What the ledger holds of it. */
  ledger: Record<string, unknown> | undefined
}

/** Follows the messages of a relay: `onChange` is told of each message whenever there is more to see of it. */
export function watchMessages(
  relay: LocalRelay,
  { onChange, unconfirmedAfterSeconds }: { onChange(message: MessageView): void; unconfirmedAfterSeconds: number },
) {
  const addresses = { webhookUrl: relay.stack.outputs['WebhookUrl']!, hubspotUrl: relay.hubspot.url }
  const views = new Map<string, MessageView>()
  /** Of each message, the highest status that the relay heard of, and since when an agent should read it. */
  const heard = new Map<string, { status: Status; since: number; isTold: boolean }>()
  const delays: number[] = []

  const unsubscribe = [
    relay.onEvent((event) => {
      if (event.type === 'message') views.set(event.message.id, viewOf(event.message))
      if (event.type === 'call' || event.type === 'late effect') measure(event.call)
      if (event.type === 'delivery' && event.delivery.outcome === 'received')
        change(event.delivery.messageId, (view) => ({ receptions: view.receptions + 1 }))
      if (event.type === 'receipt') change(event.messageId, () => ({ customer: event.status }))
      note(ofEvent(event, Date.now(), addresses))
    }),
    relay.onLog((entry) => {
      hear(entry.line)
      const happening = ofLine(entry)
      note(happening)
      if (happening) void readLedger(happening.messageId)
    }),
  ]

  function change(messageId: string, what: (view: MessageView) => Partial<MessageView>) {
    const view = views.get(messageId)
    if (!view) return
    const { told, errorMessage } = relay.hubspot.message(messageId)!
    const inDoubtUntil = told === view.told ? view.inDoubtUntil : undefined
    Object.assign(view, { told, errorMessage, inDoubtUntil }, what(view))
    onChange(view)
  }

  function note(happening: Happening | undefined) {
    if (!happening) return
    change(happening.messageId, ({ steps }) => ({ steps: [...steps, happening.step].slice(-maxSteps) }))
  }

  /** A log line that says what the relay has learned of a message. */
  function hear(line: string) {
    const { messageId, status, timestamp, message, outcome } = readLine(line) ?? {}
    if (messageId && timestamp && outcome === 'in doubt')
      change(messageId, () => ({ inDoubtUntil: timestamp + unconfirmedAfterSeconds * 1000 }))
    const learned = Status.safeParse(status).data
    if (!messageId || !learned || !timestamp || !learningLines.has(message ?? '')) return
    const known = heard.get(messageId)
    if (!isAbove(learned, known?.status)) return
    const isNews = !readsTheSame(learned, known?.status)
    heard.set(messageId, { ...(isNews || !known ? { since: timestamp, isTold: false } : known), status: learned })
  }

  /** The time from the relay's hearing of something to HubSpot's showing it. */
  function measure({ messageId = '', statusType, effectAt }: LocalRelay['hubspot']['calls'][number]) {
    const known = heard.get(messageId)
    if (!known || known.isTold || effectAt === undefined || statusTypeOf(known.status) !== statusType) return
    known.isTold = true
    delays.push(Math.max(0, effectAt - known.since))
  }

  async function readLedger(messageId: string) {
    const message = relay.hubspot.message(messageId)
    if (!message) return
    const pk = { S: ledgerKey({ ...message, messageId }) }
    const TableName = relay.stack.outputs['LedgerTableName']
    // While everything stops, the table is gone.
    const item = await relay.stack.dynamodb.send(new GetItemCommand({ TableName, Key: { pk } })).catch(() => undefined)
    if (item?.Item) change(messageId, () => ({ ledger: unmarshall(item.Item!) }))
  }

  return {
    messages: () => [...views.values()],
    note: (messageId: string, step: Step) => note({ messageId, step }),
    /** How soon HubSpot shows what the relay has learned, in milliseconds. */
    timeToTruth: () => ({ count: delays.length, p50: percentile(delays, 50), p99: percentile(delays, 99) }),
    change,
    stop() {
      for (const end of unsubscribe) end()
    },
  }
}

/** By the nearest rank; undefined where there are no values. */
function percentile(values: number[], percent: number) {
  return values.toSorted((a, b) => a - b)[Math.ceil((percent / 100) * values.length) - 1]
}

const maxSteps = 100
const learningLines = new Set(['Send outcome queued', 'Receipt queued'])

function viewOf({ id, channelAccountId, text, to, createdAt }: Message): MessageView {
  return {
    id,
    channelAccountId,
    text,
    to: to.join(', '),
    sentAt: createdAt,
    told: undefined,
    errorMessage: undefined,
    inDoubtUntil: undefined,
    receptions: 0,
    customer: undefined,
    steps: [],
    ledger: undefined,
  }
}
