import {
  ChangeMessageVisibilityBatchCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
} from '@aws-sdk/client-sqs'
import { type Command, Option } from 'commander'
import { tenantOf } from '../../../functions/messages/about.ts'
import { allOf } from '../../../functions/platform/all-of.ts'
import { createQueue } from '../../../functions/platform/queue.ts'
import { ageInMilliseconds, digits, messageId, positive } from '../arguments.ts'
import { CommandError } from '../command-error.ts'
import type { Context } from '../context.ts'
import type { Deployment } from '../deployment.ts'
import { type Filters, isMeant, type Letter, readLetter, shown, toRedrive } from '../letter.ts'
import { type QueueName, queueNames, queuesOf, type WorkQueue } from '../queues.ts'
import { tableOf } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** `dead-letters list | show | redrive | purge`: what could not be done, why, and bringing it back. */
export function addDeadLettersCommands(program: Command, { terminal, deployment }: Context) {
  const deadLetters = program.command('dead-letters').description('what could not be done: why, and bringing it back')

  withFilters(deadLetters.command('list').description('lists dead letters, without texts'))
    .option('--by-reason', 'one line for each reason; more than twenty letters are listed so unless you say --each')
    .addOption(new Option('--each', 'one line for each letter').conflicts('byReason'))
    .option('--json', 'print them as JSON')
    .action(async (options: Selection & { byReason?: boolean; each?: boolean; json?: boolean }) =>
      look(await deployment(), terminal, options, async ({ meant, seen }) => {
        const byReason = options.byReason || (meant.length > maxListed && !options.each)
        if (options.json) return terminal.print(inJson(options.byReason ? reasonsOf(meant) : meant.map(summaryOf)))
        if (meant.length > 0) terminal.print(byReason ? tableByReason(meant, terminal) : tableByLetter(meant, terminal))
        terminal.print(`${count(meant.length, 'dead letter')}${meant.length === seen ? '' : ` of ${seen}`}.`)
      }),
    )

  withQueues(deadLetters.command('show').description('shows one dead letter as JSON, without its text'))
    .argument('<id>', "its id in the list, or the beginning of it, or HubSpot's message id", messageId)
    .option('--with-text', 'with its text and addresses')
    .addOption(new Option('--json', 'print it as JSON, as it is anyway').hideHelp())
    .action(async (id: string, options: Selection & { withText?: boolean }) =>
      look(await deployment(), terminal, options, async ({ meant }) => {
        const letters = meant.filter((letter) => letter.id.startsWith(id) || letter.about.messageId === id)
        if (letters.length === 0)
          throw new CommandError(
            `No dead letter goes by ${id}.`,
            'Those that there are: npm run relay -- dead-letters list',
          )
        const all = letters.map((letter) => ({ ...summaryOf(letter), job: shown(letter.job, options) }))
        terminal.print(inJson(all.length === 1 ? all[0]! : all))
      }),
    )

  withFilters(deadLetters.command('redrive').description('sends dead letters back to their queues, to be retried'))
    .option('--given-up', 'also messages that were given up, and that the agent may have sent again by hand')
    .option('--yes', 'do it; without this, only say what would be done')
    .option('--json', 'print what was done, or would be, as JSON')
    .action(async (options: Selection & { givenUp?: boolean; yes?: boolean; json?: boolean }) => {
      const found = await deployment()
      await look(found, terminal, options, async ({ meant, remove }) => {
        const chosen = meant.filter(({ givenUp }) => options.givenUp || !givenUp)
        const spared = meant.length - chosen.length
        if (spared > 0)
          terminal.note(
            `${count(spared, 'message')} given up: the agent was told, and may have sent again by hand. ` +
              'Left alone, unless you say --given-up.',
          )
        if (!options.yes && options.json) return terminal.print(inJson({ wouldSendBack: chosen.map(summaryOf) }))
        if (!options.yes)
          return terminal.print(`Would send back ${byQueue(chosen)}. Nothing was changed; --yes does it.`)
        const account = await forEach(chosen, terminal, 'Sent back', async (letter) => {
          const { source } = queueOf(found, letter.queue)
          await createQueue(found.sqs, source).send(toRedrive(letter, Date.now()), { group: tenantOf(letter.job) })
          await remove(letter)
        })
        conclude(terminal, 'Sent back', { ...account, skipped: spared }, options)
      })
    })

  withFilters(deadLetters.command('purge').description('deletes dead letters for good'))
    .option('--yes', 'do it; without this, only say what would be done')
    .option('--json', 'print what was done, or would be, as JSON')
    .action(async (options: Selection & { yes?: boolean; json?: boolean }) => {
      const found = await deployment()
      await look(found, terminal, options, async ({ meant, remove }) => {
        if (!options.yes && options.json) return terminal.print(inJson({ wouldDelete: meant.map(summaryOf) }))
        if (!options.yes)
          return terminal.print(`Would delete ${byQueue(meant)} for good. Nothing was changed; --yes does it.`)
        const account = await forEach(meant, terminal, 'Deleted', remove)
        conclude(terminal, 'Deleted', { ...account, skipped: 0 }, options)
        if (account.done > 0)
          terminal.note('Statuses that HubSpot was not told are found by: npm run relay -- reconcile')
      })
    })
}

type Selection = Filters & { queue?: QueueName; limit: number }

/** A letter while it is out of everybody else's sight. */
type HeldLetter = Letter & { receiptHandle: string }

/**
 * Works with the dead letters that are meant. While it does, nobody else sees them; then those that are still there
 * become visible again, also after Ctrl-C. Killed, it leaves them out of sight for a quarter of an hour.
 */
export async function look(
  deployment: Deployment,
  terminal: Terminal,
  selection: Selection,
  work: (found: {
    meant: HeldLetter[]
    /** How many letters there are, meant or not. */
    seen: number
    /** Deletes a letter for good. */
    remove(letter: HeldLetter): Promise<void>
  }) => Promise<void>,
) {
  const queues = queuesOf(deployment).filter(({ name }) => (selection.queue ?? name) === name)
  if (queues.length === 0) throw new CommandError(`This relay has no queue ${selection.queue}.`)
  const held = new Map<string, HeldLetter>()
  async function remove({ id, queue, receiptHandle }: HeldLetter) {
    const { deadLetters: QueueUrl } = queueOf(deployment, queue)
    await deployment.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: receiptHandle }))
    held.delete(id)
  }
  try {
    // What one of them still receives after another has failed would stay out of sight.
    await allOf(queues.map((queue) => gather(deployment, terminal, queue, held, selection.limit)))
    if (terminal.signal.aborted) return
    const now = Date.now()
    const meant = [...held.values()]
      .filter((letter) => isMeant(letter, selection, now))
      .toSorted((a, b) => a.since - b.since)
    await work({ meant, seen: held.size, remove })
  } finally {
    const heldOf = ({ name }: WorkQueue) => [...held.values()].filter((letter) => letter.queue === name)
    await allOf(queues.map((queue) => release(deployment, queue, heldOf(queue))))
  }
}

const heldSeconds = 900

/** Receives all that is there, or up to the limit; what comes twice counts once. Says what may be missing. */
async function gather(
  deployment: Deployment,
  terminal: Terminal,
  { name: queue, source, deadLetters }: WorkQueue,
  held: Map<string, HeldLetter>,
  limit: number,
) {
  const { sqs } = deployment
  const maxReceives = await maxReceivesOf(deployment, source)
  const elsewhere = await invisibleIn(deployment, deadLetters)
  if (elsewhere > 0)
    terminal.note(
      `About ${elsewhere} dead letters of ${queue} are not seen: somebody else looks at them, or did so minutes ago.`,
    )

  for (let received = 0; !terminal.signal.aborted; ) {
    if (received >= limit)
      return terminal.note(`There may be more dead letters of ${queue} than these ${received}: see --limit.`)
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl: deadLetters,
        MaxNumberOfMessages: Math.min(10, limit - received),
        VisibilityTimeout: heldSeconds,
        // Long polling asks all of SQS's servers; short polling may find nothing where there is something.
        WaitTimeSeconds: 1,
        MessageSystemAttributeNames: ['All'],
      }),
    )
    const fresh = Messages.filter(({ MessageId = '' }) => !held.has(MessageId))
    for (const message of Messages)
      held.set(message.MessageId ?? '', {
        ...readLetter(message, { queue, maxReceives }),
        receiptHandle: message.ReceiptHandle ?? '',
      })
    if (fresh.length === 0) return
    received += fresh.length
    terminal.progress('Dead letters read', held.size)
  }
}

async function maxReceivesOf({ sqs }: Deployment, QueueUrl: string) {
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['RedrivePolicy'] }))
  return Number(JSON.parse(Attributes?.['RedrivePolicy'] ?? '{}').maxReceiveCount ?? 1)
}

async function invisibleIn({ sqs }: Deployment, QueueUrl: string) {
  const AttributeNames = ['ApproximateNumberOfMessagesNotVisible' as const]
  const { Attributes } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl, AttributeNames }))
  return Number(Attributes?.['ApproximateNumberOfMessagesNotVisible'] ?? 0)
}

/** Shows letters to everybody again. */
async function release(deployment: Deployment, { deadLetters: QueueUrl }: WorkQueue, letters: HeldLetter[]) {
  for (const some of inTens(letters)) {
    const Entries = some.map(({ receiptHandle }, index) => ({
      Id: String(index),
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: 0,
    }))
    await deployment.sqs.send(new ChangeMessageVisibilityBatchCommand({ QueueUrl, Entries }))
  }
}

type Account = { done: number; failed: string[]; notReached: number }

/** Does something to each letter, ten at a time, until all are done or Ctrl-C. */
async function forEach(
  letters: HeldLetter[],
  terminal: Terminal,
  what: string,
  work: (letter: HeldLetter) => Promise<unknown>,
) {
  const account: Account = { done: 0, failed: [], notReached: letters.length }
  for (const some of inTens(letters)) {
    if (terminal.signal.aborted) break
    const results = await Promise.allSettled(some.map(work))
    results.forEach((result, index) => {
      if (result.status === 'fulfilled') account.done++
      else
        account.failed.push(
          `${some[index]!.id}: ${result.reason instanceof Error ? result.reason.name : 'unknown error'}`,
        )
    })
    account.notReached -= some.length
    terminal.progress(what, account.done, letters.length)
  }
  return account
}

function conclude(
  terminal: Terminal,
  what: string,
  { done, failed, notReached, skipped }: Account & { skipped: number },
  { json }: { json?: boolean },
) {
  for (const failure of failed) terminal.note(failure)
  const interrupted = notReached > 0 ? `, not reached: ${notReached}` : ''
  if (json) terminal.print(inJson({ done, skipped, failed, notReached }))
  else terminal.print(`${what}: ${done}, skipped: ${skipped}, failed: ${failed.length}${interrupted}.`)
  if (failed.length > 0)
    throw new CommandError(
      'Some dead letters are still there, though they may have been sent back.',
      'Do the same again: nothing is sent twice.',
    )
}

function* inTens<Item>(items: Item[]) {
  for (let at = 0; at < items.length; at += 10) yield items.slice(at, at + 10)
}

const queueOf = (deployment: Deployment, name: QueueName) => queuesOf(deployment).find((queue) => queue.name === name)!

function summaryOf({ id, queue, reason, attempts, since, givenUp, about }: Letter) {
  return { id, queue, reason, attempts, since: new Date(since).toISOString(), givenUp, ...about }
}

const inJson = (value: unknown) => JSON.stringify(value, undefined, 2)

/** From so many letters on, a list of each is no overview. */
const maxListed = 20

const minute = (time: number) => new Date(time).toISOString().slice(0, 16).replace('T', ' ')

const tableByLetter = (letters: Letter[], { columns }: Terminal) =>
  tableOf(
    ['Id', 'Queue', 'Portal', 'Message', 'Tried', 'Since', 'Reason'],
    letters.map(({ id, queue, about, attempts, since, reason }) => [
      id.slice(0, 8),
      queue,
      about.portalId ?? '',
      about.messageId ?? '',
      `${attempts} ×`,
      minute(since),
      reason,
    ]),
    columns,
  )

const tableByReason = (letters: Letter[], { columns }: Terminal) =>
  tableOf(
    ['Letters', 'Queue', 'Portals', 'Oldest', 'Newest', 'One of them', 'Reason'],
    reasonsOf(letters).map(({ letters, queue, portals, oldest, newest, example, reason }) => [
      String(letters),
      queue,
      String(portals),
      minute(Date.parse(oldest)),
      minute(Date.parse(newest)),
      example.slice(0, 8),
      reason,
    ]),
    columns,
  )

/** The letters of each reason, the most frequent one first. What differs from one letter to the next does not tell reasons apart. */
function reasonsOf(letters: Letter[]) {
  const groups = Map.groupBy(letters, ({ queue, reason }) => `${queue} ${reason.replaceAll(individual, '…')}`)
  return [...groups.values()]
    .map((group) => {
      const times = group.map(({ since }) => since)
      return {
        reason: group[0]!.reason.replaceAll(individual, '…'),
        queue: group[0]!.queue,
        letters: group.length,
        portals: new Set(group.map(({ about }) => about.portalId)).size,
        oldest: new Date(Math.min(...times)).toISOString(),
        newest: new Date(Math.max(...times)).toISOString(),
        example: group[0]!.id,
      }
    })
    .toSorted((a, b) => b.letters - a.letters)
}

/** Ids of requests, messages and portals. */
const individual = /[\da-f]{8}-[\da-f]{4}-[\da-f-]{22}|\b[\da-f]{16,}\b|\b\d{4,}\b/gi

function byQueue(letters: Letter[]) {
  const parts = queueNames
    .map((name) => [name, letters.filter(({ queue }) => queue === name).length] as const)
    .filter(([, number]) => number > 0)
    .map(([name, number]) => `${name}: ${number}`)
  return `${count(letters.length, 'dead letter')}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}`
}

const count = (number: number, what: string) => `${number} ${what}${number === 1 ? '' : 's'}`

const withQueues = (command: Command) =>
  command
    .addOption(new Option('--queue <name>', 'only those of one queue').choices(queueNames))
    .addOption(
      new Option('--limit <number>', 'look at so many of each queue at most').default(10_000).argParser(positive),
    )

const withFilters = (command: Command) =>
  withQueues(command)
    .option('--portal <id>', 'only those of one HubSpot account', digits)
    .option('--message <id>', "only those about one message, by HubSpot's id")
    .option('--reason <text>', 'only those whose reason contains this')
    .option('--older-than <age>', 'only those of jobs first sent longer ago: 90s, 15m, 2h, 3d', ageInMilliseconds)
    .option('--newer-than <age>', 'only those of jobs first sent within this time', ageInMilliseconds)
