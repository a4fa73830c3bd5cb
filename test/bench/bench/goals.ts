import { type Contender, contenders } from './contenders.ts'
import { costPerMillion, type Status, usedBy } from './cost.ts'
import type { Measured } from './figures.ts'
import { median, pairedRatio } from './statistics.ts'

/** What the relay is held to: at most so many times the floor, so much, or at least so much. */
export const goals = {
  coldStart: { floor: 1.6 },
  webhookCpu: { floor: 3.5 },
  batchCpu: { floor: 3 },
  batchWall: { floor: 1.12 },
  /** Verify, parse, validate, one log line: in HMACs of the same body. */
  path: 6,
  /** In kilobytes. */
  gzip: { 'hubspot-webhook': 95, 'update-status': 115 },
  handshakes: 10,
  /** DynamoDB's units, and bytes of log. */
  update: { writes: 2.2, reads: 1.1, logBytes: 420 },
  duplicate: { writes: 1, reads: 1 },
  cost: { floor: 1.4 },
  /** Messages told in a second, by the local stack. */
  toldPerSecond: 40,
}

/** What is said of a figure: its values, and each goal that it has, with what came of it. */
export type Row = { figure: string; values: Partial<Record<Contender, string>>; verdicts: Verdict[] }
export type Verdict = { goal: string; came: string; reached: boolean }

/** A figure of all three, measured in the same rounds, with goals for its ratio to the peer's or the floor's. */
export function compared(
  figure: string,
  unit: string,
  rounds: Record<Contender, Measured[]>,
  name: keyof Measured,
  goals: Partial<Record<'peer' | 'floor', number>>,
): Row {
  const of = (contender: Contender) => rounds[contender].map((measured) => measured[name])
  const verdicts = Object.entries(goals).map(([other, most]) =>
    ratioVerdict(other, pairedRatio(of('ours'), of(other as Contender)), most),
  )
  const values = contenders.map((contender) => [contender, `${figureOf(median(of(contender)))} ${unit}`])
  return { figure, values: Object.fromEntries(values), verdicts }
}

/** Whether the median of paired ratios keeps to its goal. */
export function ratioVerdict(to: string, { ratio, noise }: { ratio: number; noise: number }, most: number): Verdict {
  return { goal: `≤ ${most} × ${to}`, came: `${ratio.toFixed(2)} ± ${noise.toFixed(2)}`, reached: ratio <= most }
}

/** Whether a figure keeps to its goal. */
export function atMost(most: number, value: number, unit = ''): Verdict {
  const said = `${figureOf(value)}${unit}`
  return { goal: `≤ ${most}${unit}`, came: said, reached: value <= most }
}

/** Whether a figure is as large as it should be. */
export function atLeast(least: number, value: number, unit = ''): Verdict {
  return { goal: `≥ ${least}${unit}`, came: `${figureOf(value)}${unit}`, reached: value >= least }
}

/** US dollars for a million statuses, ours beside the floor's. */
export function costRow(statuses: Record<Contender, Status>): Row {
  const totals = contenders.map((contender) => [contender, costPerMillion(usedBy(statuses[contender])).total] as const)
  const total = Object.fromEntries(totals) as Record<Contender, number>
  const ratio = total.ours / total.floor
  const most = goals.cost.floor
  return {
    figure: `a million statuses, batches of ${statuses.ours.batchSize}`,
    values: Object.fromEntries(totals.map(([contender, dollars]) => [contender, `${dollars.toFixed(2)} $`])),
    verdicts: [{ goal: `≤ ${most} × floor`, came: ratio.toFixed(2), reached: ratio <= most }],
  }
}

/** A figure to three digits, no more. */
export function figureOf(value: number) {
  return value >= 100 ? value.toFixed(0) : String(Number(value.toPrecision(3)))
}
