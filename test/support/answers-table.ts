import { createHubSpot } from '../../functions/hubspot/client.ts'
import type { UpdateAnswer } from '../../functions/hubspot/update-answer.ts'
import {
  type Asked,
  UpdateHistory,
  type UpdateOutcome,
  updateOutcomeOf,
} from '../../functions/hubspot/update-outcome.ts'
import { NoAnswer } from '../../functions/platform/fetch-json.ts'

const now = Date.parse('2026-11-22T12:00:00Z')
const minute = 60_000

/** What a PATCH may be answered: every status from 300 to 599, or nothing. */
export const answers = [
  ...Array.from({ length: 300 }, (_, index) => index + 300),
  'no answer',
  'no connection',
] as const

/** What becomes of an update, by the code: by the age of its message, and by whether it was answered so before. */
export async function becomesOf(answered: (typeof answers)[number]) {
  const answer = await understood(answered)
  const history = (fields: object) => UpdateHistory.parse(fields)
  const first = history({})
  const alike = 'alike' in answer ? answer.alike : ''
  const rejected = (since: number, timesAlike: number) =>
    history({ rejected: { since, at: now - 1000, times: timesAlike, alike, timesAlike } })
  return [
    inWords(answer, outcome({ age: minute, history: first })),
    inWords(answer, outcome({ age: 4 * minute, history: rejected(now - 3 * minute, 3) })),
    inWords(answer, outcome({ age: 60 * minute, history: first })),
    inWords(answer, outcome({ age: 60 * minute, history: rejected(now - 5 * minute, 4) })),
  ]

  function outcome(asked: Pick<Asked, 'age' | 'history'>) {
    return updateOutcomeOf(answer, {
      now,
      random: () => 0,
      toldBefore: undefined,
      statusType: 'SENT',
      errorMessage: undefined,
      isPurged: false,
      isSystematic: false,
      lateEffectSeconds: 120,
      ...asked,
    })
  }
}

async function understood(answered: (typeof answers)[number]): Promise<UpdateAnswer> {
  const hubspot = createHubSpot({
    fetchJson: async () => {
      if (typeof answered === 'string') throw new NoAnswer(answered, answered === 'no answer')
      return { status: answered, headers: {}, text: '', json: undefined }
    },
    baseUrl: 'https://hubspot.test',
    version: 'v3',
    now: () => now,
  })
  const { allowance: _, ...answer } = await hubspot.updateMessage(
    'token',
    { channelId: '1', messageId: 'm' },
    { statusType: 'SENT' },
  )
  return answer
}

function inWords(answer: UpdateAnswer, outcome: UpdateOutcome) {
  switch (outcome.kind) {
    case 'retry':
      if (outcome.notBefore === undefined) return 'again, after a back-off that grows'
      if (answer.kind === 'in doubt')
        return `again after ${seconds(outcome)}, when HubSpot can no longer be processing it`
      return outcome.notBefore - now < 5000
        ? 'again within seconds, ever less often'
        : `again after ${seconds(outcome)}`
    case 'pause portal':
      return 'the account pauses, longer each time'
    case 'no access':
      return 'with a new token; refused as well, the account pauses, longer each time'
    case 'give up':
      return '**final**'
    default:
      return outcome.kind
  }
}

function seconds({ notBefore = now }: { notBefore?: number | undefined }) {
  const wait = Math.round((notBefore - now) / 1000)
  return wait < 120 ? `${wait} s` : `${Math.round(wait / 60)} min`
}

/** The table as docs/hubspot.md has it: answers that end alike share a row. */
export async function answersTable() {
  const rows = new Map<string, (number | string)[]>()
  for (const answered of answers) {
    const cells = (await becomesOf(answered)).join(' | ')
    rows.set(cells, [...(rows.get(cells) ?? []), answered])
  }
  return [
    '| HubSpot answers | message younger than five minutes: first time | again, for minutes | later: first time | again, for five minutes |',
    '|---|---|---|---|---|',
    ...[...rows].map(([cells, alike]) => `| ${ranges(alike)} | ${cells} |`),
  ].join('\n')
}

function ranges(alike: (number | string)[]) {
  const runs: [number, number][] = []
  for (const one of alike.filter((each) => typeof each === 'number')) {
    const last = runs.at(-1)
    if (last && last[1] === one - 1) last[1] = one
    else runs.push([one, one])
  }
  const words = alike.filter((each) => typeof each === 'string')
  return [...runs.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)), ...words].join(', ')
}
