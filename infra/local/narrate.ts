import pc from 'picocolors'
import type { LocalRelay, LocalRelayEvent } from './local-relay.ts'
import { isAccepted } from './simulator.ts'

/** Prints a line for each step of each message, as it happens. Returns the way to stop. */
export function narrate(relay: LocalRelay, nameOf: (channelAccountId: string) => string, print = console.log) {
  const startedAt = Date.now()
  const nameOfMessage = (messageId = '') => nameOf(relay.hubspot.message(messageId)?.channelAccountId ?? '')
  return relay.onEvent((event) => {
    const [name, step, answered] = describe(event, nameOfMessage, nameOf)
    const seconds = ((Date.now() - startedAt) / 1000).toFixed(2).padStart(6)
    const answer = answered === undefined ? '' : (isAccepted(answered) ? pc.green : pc.yellow)(` ${answered}`)
    print(`${pc.dim(seconds)}  ${column(name)}  ${step}${answer}`)
  })
}

/** A name of its own width, that the step beside it stays in line. */
const column = (name: string) => (name.length > nameWidth ? `${name.slice(0, nameWidth - 1)}…` : name.padEnd(nameWidth))
const nameWidth = 32

function describe(
  event: LocalRelayEvent,
  nameOfMessage: (messageId?: string) => string,
  nameOf: (channelAccountId: string) => string,
): [name: string, step: string, answered?: number | string] {
  switch (event.type) {
    case 'message':
      return [nameOf(event.message.channelAccountId), 'An agent presses Send']
    case 'webhook':
      return [nameOfMessage(event.message?.id), 'HubSpot → relay: webhook,', event.answered]
    case 'call': {
      const { method, messageId, statusType = 'the message', errorMessage, answered } = event.call
      if (messageId === undefined) return ['', 'Relay → HubSpot: refresh the access token,', answered]
      const reason = errorMessage === undefined ? '' : ` “${errorMessage}”`
      return [nameOfMessage(messageId), `Relay → HubSpot: ${method} ${statusType}${reason},`, answered]
    }
    case 'late effect':
      return [nameOfMessage(event.call.messageId), `HubSpot carries out ${event.call.statusType} late`]
    case 'delivery': {
      const { messageId, outcome, answered } = event.delivery
      return [nameOfMessage(messageId), `Relay → service: message ${outcome},`, answered]
    }
    case 'receipt':
      return [nameOfMessage(event.messageId), `Service → relay: ${event.status},`, event.answered]
    case 'status':
      return [nameOfMessage(event.messageId), `Team → queue: ${event.status}`]
    default:
      return [nameOf(event.channelAccountId), `The service is ${event.type}`]
  }
}
