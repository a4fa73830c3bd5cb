import type { Duration } from 'aws-cdk-lib'

/** How long a message and its status are tried, and what HubSpot is told. */
export interface MessageProps {
  /**
   * How long a message is tried before it is FAILED, "not sent", and not sent any more. HubSpot calls it SENT all that
   * time.
   *
   * @default - 15 minutes
   */
  readonly deliverWithin?: Duration
  /**
   * How long a send may go without a word of its provider: by then it is not confirmed, if its answer was lost, or else
   * what `onSilence` says.
   *
   * @default - 10 minutes
   */
  readonly unconfirmedAfter?: Duration
  /**
   * What agents see where the provider took a message and no receipt comes: SENT, or FAILED.
   *
   * @default - sent
   */
  readonly onSilence?: 'sent' | 'failed'
  /**
   * Whether a message waits for those that the agent sent earlier in its thread, for a minute at most. Without, a
   * delivery costs one write less.
   *
   * @default - on
   */
  readonly threadOrder?: 'on' | 'off'
  /**
   * What is done where HubSpot announces a message again, by another event, that it was told is FAILED: an agent's second
   * try, if HubSpot keeps the message's id for that. With `send` it is sent again, unless something of it arrived or may have.
   *
   * @default - ignore
   */
  readonly resend?: 'ignore' | 'send'
  /**
   * How long a status is tried before it is given up, or what is handed on.
   *
   * @default - 24 hours
   */
  readonly giveUpAfter?: Duration
  /**
   * Whether HubSpot is told SENT always, or only to correct what it was told before: by its documentation it shows a
   * new message as SENT by itself.
   *
   * @default - always
   */
  readonly tellSent?: 'always' | 'corrections'
}
