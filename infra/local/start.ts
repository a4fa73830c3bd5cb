import { once } from 'node:events'
import { InvalidArgumentError, Option, program } from 'commander'
import pc from 'picocolors'
import { noteRunning } from '../cli/running.ts'
import { onEndOfParent } from './end-with-parent.ts'
import { type Form, formNames, forms } from './forms.ts'
import type { Message } from './hubspot/state.ts'
import { playExamples } from './inbox/examples.ts'
import { type Inbox, shortened, startInbox } from './inbox/inbox.ts'
import { app, clientSecret, ids, type LocalRelay, startLocalRelay, whsecFor } from './local-relay.ts'
import { narrate } from './narrate.ts'
import { afterLimit } from './pace.ts'
import { freeOrAny, usualPorts } from './ports.ts'
import { showProgress } from './progress.ts'
import type { TeamStatus } from './team.ts'
import { serveTriggers } from './trigger.ts'
import { appToEnter, startUnconnected } from './unconnected.ts'

const options = program
  .name('npm start --')
  .description('Runs the relay on this machine, between a simulated HubSpot and simulated messaging services.')
  .addHelpText(
    'after',
    '\nIn the full form, a page shows both sides: what the agent reads, and what the customer gets.',
  )
  .addOption(new Option('--form <form>', 'which form of the relay').choices(formNames).default('full'))
  .option('--port <number>', `the port of the relay's API; ${usualPorts.relay}, or else a free one, when absent`, port)
  .option('--inbox-port <number>', `the port of the inbox page; ${usualPorts.inbox} or a free one when absent`, port)
  .option(
    '--hubspot-port <number>',
    `the port of the simulated HubSpot; ${usualPorts.hubspot} or a free one when absent`,
    port,
  )
  .option('--hubspot <url>', 'the HubSpot API that the relay calls; the simulated one when absent', url)
  .option('--forward-to <url>', 'a service of yours that messages of your own service are forwarded to, live', url)
  .addOption(
    new Option('--forward-format <format>', "what it is sent: the relay's job, or HubSpot's own webhook")
      .choices(['job', 'hubspot'])
      .default('job'),
  )
  .addOption(
    new Option('--empty', 'as just deployed, with nothing filled in: for npm run relay -- --local setup').conflicts([
      'form',
      'hubspot',
      'forwardTo',
    ]),
  )
  .option('--no-messages', 'do not send a few messages at the start')
  .option('--logs', "print the functions' log lines as well")
  .parse()
  .opts<Options>()

type Options = {
  form: Form
  port?: number
  inboxPort?: number
  hubspotPort?: number
  hubspot?: string
  forwardTo?: string
  forwardFormat: 'job' | 'hubspot'
  empty?: boolean
  messages: boolean
  logs?: boolean
}

/** Where the team delivers by its own means: channel accounts, by what the team says of their messages. */
const teamAccounts: Record<string, { name: string; statuses: TeamStatus[] }> = {
  '3000000001': {
    name: 'delivered and read',
    statuses: [{ status: 'sent' }, { status: 'delivered' }, { status: 'read', afterMs: 1500 }],
  },
  '3000000002': { name: 'sent, and no more', statuses: [{ status: 'sent' }] },
  '3000000003': { name: 'refused', statuses: [{ status: 'failed', reason: 'The customer has opted out' }] },
  '3000000004': {
    name: 'failed later',
    statuses: [{ status: 'sent' }, { status: 'failed', reason: 'The handset is switched off', afterMs: 1500 }],
  },
}

/** The channel account of the team's own service. */
const liveAccount = '3000000001'
const liveSecret = whsecFor(liveAccount)

const { settings } = forms[options.form]
/** What could not have its usual port. */
const moved = new Set<keyof typeof usualPorts>()
let isReady = false
const interrupted = interruption()
const startedAt = Date.now()
const stopSaying = showProgress('Building and starting the relay', console.log)
const { relay, inbox, unconnected } = await start()
stopSaying()
for (const name of moved) console.log(elsewhere(name))
isReady = true
await using running = new AsyncDisposableStack()
running.use(relay)
if (inbox) running.defer(inbox.stop)
const accounts: Record<string, { name: string }> = unconnected
  ? {}
  : inbox
    ? Object.fromEntries(inbox.providers.map(({ channelAccountId, name }) => [channelAccountId, { name }]))
    : teamAccounts
const said = unconnected ? whatToFillIn(relay, unconnected.credentials) : directions(relay)
const triggers = await serveTriggers(
  unconnected
    ? { relay, player: unconnected, ...unconnected }
    : { relay, ...(inbox && { player: inbox }), accounts: () => Object.keys(accounts) },
)
running.defer(triggers.stop)
// Whoever reads that it is ready may use the command line at once.
const forget = noteRunning({
  ...relay,
  hubspot: { url: options.hubspot ?? relay.hubspot.url },
  controlUrl: triggers.url,
  accounts: unconnected
    ? unconnected.credentials.map(({ account }) => account)
    : (inbox?.providers.map(({ simulator }) => simulator.account) ?? []),
})
console.log(`Ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s.\n\n${said}\n`)
narrate(relay, (channelAccountId) => accounts[channelAccountId]?.name ?? channelAccountId)
if (!inbox && !unconnected) relay.onEvent((event) => event.type === 'message' && deliverByOwnMeans(event.message))
if (options.messages && !unconnected && !interrupted.aborted) inbox ? playExamples(inbox) : sendMessages(relay)

if (!interrupted.aborted) await once(interrupted, 'abort')
console.log('Stopping …')
forget()

async function start(): Promise<{
  relay: LocalRelay
  inbox?: Inbox
  unconnected?: Awaited<ReturnType<typeof startUnconnected>>
}> {
  try {
    const relay = await startLocalRelay({
      settings,
      // Nobody watches a page for an hour. HubSpot itself is given its time.
      ...(options.hubspot === undefined && settings.delivery && shortened),
      ...(options.empty && { empty: true }),
      port: await portFor('relay', options.port),
      hubspotPort: await portFor('hubspot', options.hubspotPort),
      ...(options.hubspot !== undefined && { hubspotUrl: options.hubspot }),
      ...(options.logs && { onLog: ({ functionName, line }) => console.log(pc.dim(`${functionName}: ${line}`)) }),
    })
    if (options.empty) return { relay, unconnected: await startUnconnected(relay) }
    if (settings.delivery) {
      const inbox = await startInbox(relay, { port: await portFor('inbox', options.inboxPort) })
      if (options.forwardTo)
        await relay.addLiveService(liveAccount, { url: options.forwardTo, format: options.forwardFormat })
      return { relay, inbox }
    }
    if (options.forwardTo) program.error('--forward-to needs a form that delivers: --form full.')
    for (const id of Object.keys(teamAccounts)) await relay.addChannelAccount(id)
    return { relay }
  } catch (error) {
    // A terminal's Ctrl-C reaches the processes that build, too.
    if (interrupted.aborted) process.exit(130)
    const port = takenPort(error)
    if (port === undefined) throw error
    if ([options.port, options.inboxPort, options.hubspotPort].includes(port))
      program.error(`Port ${port} is in use. Choose another one with --port, --inbox-port or --hubspot-port.`)
    // Free when it was looked at, and somebody was quicker.
    return start()
  }
}

/** The port that an error of listening is about. */
function takenPort(error: unknown) {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number }
  return code === 'EADDRINUSE' ? port : undefined
}

/** The port that was asked for, or else the usual one, if it is free. */
async function portFor(name: keyof typeof usualPorts, given: number | undefined) {
  if (given !== undefined) return given
  const port = await freeOrAny(usualPorts[name])
  if (port === 0) moved.add(name)
  return port
}

/** Where something is that could not have its usual port. */
function elsewhere(name: keyof typeof usualPorts) {
  const [who, url] = {
    relay: ['the relay', relay.stack.outputs['WebhookUrl']],
    inbox: ['the inbox', inbox?.url],
    hubspot: ['the simulated HubSpot', relay.hubspot.url],
  }[name]
  return `Port ${usualPorts[name]} is taken: ${who} listens on port ${new URL(url ?? '').port}.`
}

function sendMessages({ hubspot }: LocalRelay) {
  for (const channelAccountId of Object.keys(teamAccounts))
    hubspot.sendMessage({ ...ids, channelAccountId, text: 'Hello from the help desk 👋' })
}

/** The team's side, where the relay does not deliver. */
async function deliverByOwnMeans(message: Message) {
  for (const status of teamAccounts[message.channelAccountId]?.statuses ?? []) {
    // Once everything stops, there is no queue any more.
    await relay.sendStatus(message, status).catch(() => {})
  }
}

function directions({ stack, hubspot }: LocalRelay) {
  const message = JSON.stringify({ ...ids, channelAccountId: '3000000001', text: 'Hello' })
  const rows = [
    ...(inbox ? [['Inbox', inbox.url, 'open this in a browser']] : []),
    ['Webhook', stack.outputs['WebhookUrl'], `signed with ${clientSecret}`],
    ...(settings.receipts ? [['Receipts', `${stack.outputs['ReceiptsUrl']}/{channelId}/{channelAccountId}`]] : []),
    ...(settings.delivery
      ? []
      : [['Statuses', stack.outputs['StatusUpdatesQueueUrl'], 'where the team sends them, by SQS']]),
    ...(settings.install ? [['Install', stack.outputs['InstallUrl'], 'connects a HubSpot account by a click']] : []),
    [
      'HubSpot',
      hubspot.url,
      'simulated; what it holds is at /_control/messages, how it behaves at /_control/behaviour',
    ],
    ...(options.forwardTo
      ? [['Forwarded', options.forwardTo, `the messages of account ${liveAccount}; ${liveSecretIsFor(relay)}`]]
      : []),
    ...Object.entries(accounts).map(([id, { name }]) => ['Account', id, inbox ? name : `its messages are ${name}`]),
  ]
  return [
    ...inColumns(rows),
    '',
    'Send a message of your own, or let HubSpot fail the next call:',
    `  curl ${hubspot.url}/_control/messages -H 'content-type: application/json' -d '${message}'`,
    `  curl ${hubspot.url}/_control/faults -H 'content-type: application/json' -d '{"method":"PATCH","answer":{"status":500}}'`,
    'Operate it as if it were deployed, or make something happen:',
    '  npm run relay -- --local doctor',
    '  npm run relay -- --local trigger',
    '  npm run relay -- --local tail',
    'Ctrl-C stops everything.',
  ].join('\n')
}

/** What a new account's administrators would have in hand. */
function whatToFillIn({ stack, hubspot }: LocalRelay, credentials: { name: string; account: object }[]) {
  const rows = [
    ['App', 'client id', app.clientId],
    ['', 'client secret', clientSecret],
    ['', 'app id', appToEnter.appId],
    ['', 'developer API key', appToEnter.developerApiKey],
    ['Webhook', stack.outputs['WebhookUrl'], 'where HubSpot is to post'],
    ['HubSpot', hubspot.url, 'simulated'],
    ...credentials.map(({ name, account }) => [name, JSON.stringify(account)]),
  ]
  return [
    ...inColumns(rows),
    '',
    'Nothing is filled in. What a new account needs, from here to the first true status:',
    '  npm run relay -- --local setup',
    '  npm run relay -- --local trigger delivered',
    'Ctrl-C stops everything.',
  ].join('\n')
}

function inColumns(rows: (string | undefined)[][]) {
  const width = Math.max(...rows.map(([name = '']) => name.length)) + 2
  return rows.map(([name = '', where = '', what = '']) =>
    [`${pc.bold(name.padEnd(width))}${where}`, what && pc.dim(what)].filter(Boolean).join('  '),
  )
}

/** What a live service needs to know: what signs its calls, and its receipts, and where they go. */
function liveSecretIsFor({ stack }: LocalRelay) {
  const receipts = `${stack.outputs['ReceiptsUrl']}/${ids.channelId}/${liveAccount}`
  const signed = options.forwardFormat === 'job' ? liveSecret : `HubSpot's client secret, ${clientSecret}`
  return `signed with ${signed}; post receipts to ${receipts}, signed with ${liveSecret}`
}

/** Aborted by the first Ctrl-C, and when nobody is there any more; a Ctrl-C that comes later ends the process at once. */
function interruption() {
  const controller = new AbortController()
  let since: number | undefined
  function interrupt() {
    // npm hands Ctrl-C on to its script, so it arrives twice.
    if (!isReady || (since !== undefined && Date.now() - since > 500)) process.exit(130)
    since ??= Date.now()
    controller.abort()
    afterLimit(10_000, () => process.exit(1))
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', interrupt)
  onEndOfParent(interrupt)
  // Who reads along has ended: nothing can be said to it, nor to whoever else there was.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', interrupt)
  return controller.signal
}

function port(text: string) {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1 || number > 65_535)
    throw new InvalidArgumentError('It must be 1 to 65535.')
  return number
}

function url(text: string) {
  // `localhost:3000` alone is one, of a scheme called localhost.
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError('It must begin with http:// or https://.')
  return text
}
