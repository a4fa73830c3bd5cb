import type { SQSEvent, SQSRecord } from 'aws-lambda'
import { statusTypeOf } from '../../functions/messages/status.ts'
import { StatusUpdate } from '../../functions/messages/status-update.ts'
import { openEnvelope } from '../../functions/platform/envelope.ts'
import { backoff, nextTry, RetryableError } from '../../functions/platform/retry.ts'
import type * as updateStatus from '../../functions/update-status.ts'
import { liesOf, truthOf, wordForTruth } from './lies.ts'
import { runWorld } from './run.ts'
import type { Fate } from './scenario.ts'
import { createWorld, type World, type WorldOptions } from './world.ts'

/** The lie-seconds of a world for the relay, and for others in the same world with the same faults. */
export type Lies = {
  /** Nobody calls HubSpot's endpoint, as today's integrations. */
  nobody: number
  /** A PATCH at once for every status, and again after a back-off: no order, no ledger. */
  plain: number
  relay: number
  /** Knows everything at once, and waits only where HubSpot cannot be reached, or its limit is used up. */
  allKnowing: number
}

/** Lets the others tell HubSpot what the relay told it in a world. */
export async function compare(options: WorldOptions, relay: World): Promise<Lies> {
  const { world: plain } = await runWorld({ ...options, variant: { update: plainRelay } })
  const told = createWorld({ ...options, variant: { update: sayNothing }, observer: allKnowing })
  await told.rest()
  return { nobody: liesOf(relay, []), plain: liesOf(plain), relay: liesOf(relay), allKnowing: liesOf(told) }
}

/** What anybody would write first. Its own conclusion that no receipt came it cannot give: it does not know whether one did. */
function plainRelay({ hubspot, tokens, queue, now, random }: updateStatus.Deps) {
  return async ({ Records }: SQSEvent) => {
    const failed = await Promise.all(
      Records.map((record) =>
        tell(record).then(
          () => [],
          () => [record.messageId],
        ),
      ),
    )
    return { batchItemFailures: failed.flat().map((itemIdentifier) => ({ itemIdentifier })) }
  }

  async function tell({ body: text }: SQSRecord) {
    const { body, waiting } = openEnvelope(text)
    const update = StatusUpdate.safeParse(body).data
    if (!update || (update.status === 'unconfirmed' && waiting)) return
    const attempt = waiting?.attempt ?? 0
    const statusType = statusTypeOf(update.status)
    const status = { statusType, ...(statusType === 'FAILED' && { errorMessage: update.reason }) }
    const isTold = await tokens
      .get(update.portalId)
      .then((token) => hubspot.updateMessage(token, update, status))
      .then(({ kind }) => kind === 'taken')
      .catch(() => false)
    if (isTold || attempt > 20) return
    const delay = backoff(attempt, random)
    const again = { attempt: attempt + 1, since: now(), waitedMilliseconds: 0, notBefore: now() + delay, progress: {} }
    await queue.send({ ...update, waiting: again }, { group: update.portalId, delaySeconds: delay / 1000 })
  }
}

const sayNothing = () => async () => ({ batchItemFailures: [] })

/** Sees what the provider's side knows and what HubSpot shows, at once, and PATCHes until they agree. */
function allKnowing(world: World, { hubspot, tokens, rateLimit, sleep, now, random }: updateStatus.Deps) {
  const busy = new Set<string>()
  const deadlineOf = (fate: Fate) => world.startOf(fate) + world.unconfirmedAfterSeconds * 1000
  const isWrong = (id: string) => {
    const fate = world.fates.find((other) => other.id === id)!
    const truth = truthOf(world, fate)
    // What nobody took by then has failed.
    const word = truth === 'not taken' && now() >= deadlineOf(fate) ? 'FAILED' : wordForTruth(truth)
    const shown = world.hubspot.history.findLast(({ messageId }) => messageId === id)?.word ?? 'SENT'
    return word !== undefined && word !== shown ? word : undefined
  }

  for (const fate of world.fates)
    if (fate.kind !== 'unreadable') void sleep(deadlineOf(fate) - now()).then(() => look(fate.id))
  return look

  async function look(messageId: string) {
    if (busy.has(messageId)) return
    busy.add(messageId)
    let attempt = 0
    for (let word = isWrong(messageId); word; word = isWrong(messageId)) {
      const tried = await tell(messageId, word).catch((error: unknown) => error)
      if (tried === undefined) attempt = 0
      else await sleep(waitFor(tried, ++attempt))
    }
    busy.delete(messageId)
  }

  async function tell(messageId: string, statusType: 'SENT' | 'FAILED' | 'READ') {
    const token = await tokens.get('1')
    await sleep((await rateLimit.takeSlot('1')) - now())
    const answer = await hubspot.updateMessage(token, { channelId: '2', messageId }, { statusType })
    if (answer.kind === 'taken') return
    if (answer.kind === 'unauthorized') return void (await tokens.renew('1', token))
    if (answer.kind === 'retryable' && answer.status === 429)
      throw new RetryableError('', { notBefore: await rateLimit.noteLimitReached('1', answer.retryAfterSeconds) })
    throw new RetryableError(answer.kind, {
      retryAfter:
        'retryAfterSeconds' in answer && answer.retryAfterSeconds !== undefined
          ? { seconds: answer.retryAfterSeconds }
          : undefined,
    })
  }

  function waitFor(error: unknown, attempt: number) {
    const later = error instanceof RetryableError ? error : new RetryableError('')
    return (
      nextTry(later, { attempt, retryAftersInARow: attempt - 1, end: Number.POSITIVE_INFINITY, now: now(), random }) -
      now()
    )
  }
}
