import type { Duration } from 'aws-cdk-lib'

/** How long messages and their statuses are retried, and what HubSpot is told. */
export interface MessageProps {
  /**
   * How long sending a message is retried before it is FAILED, "not sent", and given up. HubSpot shows it as SENT all
   * that time.
   *
   * @default - 15 minutes
   */
  readonly deliverWithin?: Duration
  /**
   * How long to wait for the provider's receipt of a send. After that the message is "not confirmed" if the answer to the
   * send was lost, and otherwise what `onSilence` says.
   *
   * @default - 10 minutes
   */
  readonly unconfirmedAfter?: Duration
  /**
   * What agents see where the provider accepted a message and no receipt arrives: SENT, or FAILED.
   *
   * @default - sent
   */
  readonly onSilence?: 'sent' | 'failed'
  /**
   * Whether a message waits, for a minute at most, for the messages that were sent before it in its thread. `off` saves
   * one write for each delivery.
   *
   * @default - on
   */
  readonly threadOrder?: 'on' | 'off'
  /**
   * What to do when HubSpot announces a message that is FAILED again, by another event: an agent's second attempt, if
   * HubSpot keeps the message's id for that. `send` sends it again, unless any of it arrived or may have.
   *
   * @default - ignore
   */
  readonly resend?: 'ignore' | 'send'
  /**
   * How long a status update, or a hand-on, is retried before it is given up.
   *
   * @default - 24 hours
   */
  readonly giveUpAfter?: Duration
  /**
   * Whether HubSpot is always told SENT, or only to correct what it was told before: its documentation says that it shows
   * a new message as SENT by itself.
   *
   * @default - always
   */
  readonly tellSent?: 'always' | 'corrections'
}
