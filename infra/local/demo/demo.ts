import { Option, program } from 'commander'
import pc from 'picocolors'
import { tableOf } from '../../cli/table.ts'
import { onEndOfParent } from '../end-with-parent.ts'
import { type Form, formNames, forms } from '../forms.ts'
import { startLocalRelay } from '../local-relay.ts'
import { narrate } from '../narrate.ts'
import { slowness } from '../pace.ts'
import { showProgress } from '../progress.ts'
import { briskly, playMigration, type StepOutcome } from './migration.ts'
import { channelAccountOf, type Outcome, playScenarios, shortWaits } from './scenarios.ts'

const { form, migration, json } = program
  .name('npm run demo --')
  .description('Sends messages that meet different fates through the relay, and shows what HubSpot holds at the end.')
  .addOption(new Option('--form <form>', 'which form of the relay').choices(formNames).default('full'))
  .addOption(new Option('--migration', 'the steps of docs/migration.md, there and back').conflicts('form'))
  .option('--json', 'print the outcomes as JSON, and nothing else')
  .parse()
  .opts<{ form: Form; migration?: boolean; json?: boolean }>()

const print = json ? () => {} : console.log
onEndOfParent(() => process.exit(1))
// Whoever read along has ended, as `head` does.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(141))
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))
const stopSaying = showProgress('Building and starting the relay', print)
const { outcomes, table } = migration ? await demonstrateMigration() : await demonstrate(forms[form])

console.log(json ? JSON.stringify(outcomes.map(summary), undefined, 2) : `\n${table}`)
const wrong = outcomes.filter(({ asExpected }) => !asExpected)
const unfinished = wrong.filter(({ isUnfinished }) => isUnfinished)
print(wrong.length === 0 ? pc.green('All as it must be.') : pc.red(`Not as it must be: ${wrong.length}.`))
if (unfinished.length > 0)
  print(
    `Unfinished when the time was over: ${unfinished.length}. This machine is ${slowness().toFixed(1)} times slower ` +
      'than a quiet one; try again when it does less.',
  )
process.exitCode = wrong.length === 0 ? 0 : 1

async function demonstrate({ settings, scenarios }: (typeof forms)[Form]) {
  const names = new Map(scenarios.map(({ name }, index) => [channelAccountOf(index), name]))
  await using relay = await startLocalRelay({ settings, environment: shortWaits() })
  stopSaying()
  narrate(relay, (channelAccountId) => names.get(channelAccountId) ?? '', print)
  const outcomes = await playScenarios(relay, scenarios)
  return { outcomes, table: tableOfOutcomes(outcomes) }
}

async function demonstrateMigration() {
  await using relay = await startLocalRelay(briskly())
  stopSaying()
  const outcomes = await playMigration(relay, print)
  const table = tableOf(
    ['Step', 'Messages', 'Through the relay', 'HubSpot right', 'Customer gets it once', 'Dead letters'],
    outcomes.map(({ step, messages, throughRelay, toldRight, receivedOnce, deadLetters }) =>
      [step, messages, throughRelay, toldRight, receivedOnce, deadLetters].map(String),
    ),
    process.stdout.columns,
  )
  return { outcomes, table }
}

function tableOfOutcomes(outcomes: Outcome[]) {
  const head = ['What happens to the message', 'HubSpot is told', 'PATCHes', 'Customer gets it', 'As it must be']
  const rows = outcomes.map((outcome) => {
    const { scenario, patches, asExpected, isUnfinished } = outcome
    const verdict = asExpected ? pc.green('yes') : pc.red(`${isUnfinished ? 'unfinished' : 'no'}: ${wanted(outcome)}`)
    return [scenario.name, statusOf(outcome), String(patches), receptionsOf(outcome), verdict]
  })
  return tableOf(head, rows, process.stdout.columns)
}

function wanted({ scenario: { expected } }: Outcome) {
  return `${statusOf(expected)}, ${[expected.patches].flat().join('–')} PATCHes, ${receptionsOf(expected)}`
}

type End = Pick<Outcome, 'told'> & Partial<Pick<Outcome, 'errorMessage' | 'deadLetters' | 'receptions' | 'handedOn'>>

function statusOf({ told, errorMessage, deadLetters = 0, handedOn = 0 }: End) {
  const status = errorMessage === undefined ? told : `${told}: ${errorMessage}`
  const others = [deadLetters > 0 && `dead letters: ${deadLetters}`, handedOn > 0 && `handed on: ${handedOn}`]
  return [status, ...others].filter(Boolean).join('; ')
}

function receptionsOf({ receptions }: End) {
  return receptions === undefined ? 'from the team' : `${receptions} ×`
}

function summary(outcome: Outcome | StepOutcome) {
  if (!('scenario' in outcome)) return outcome
  const { scenario, ...came } = outcome
  return { name: scenario.name, ...came, expected: scenario.expected }
}
