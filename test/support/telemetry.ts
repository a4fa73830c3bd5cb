import type { Telemetry } from '../../functions/platform/telemetry.ts'
import { metrics } from '../../infra/operations/metrics.ts'

/** Telemetry that keeps what it is told. */
export function collectTelemetry() {
  const lines: ({ level: string; message: string } & Record<string, unknown>)[] = []
  const counts: Record<string, number> = {}
  const measurements: Record<string, number[]> = {}
  /** Metrics that nobody has written out yet: after an invocation there must be none. */
  const unwritten = new Set<string>()
  const dimensions = new Set<string>()
  const keep = (level: string) => (message: string, fields?: object) => void lines.push({ level, message, ...fields })

  const telemetry: Telemetry = {
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    count(metric, value = 1, by = {}) {
      mustBeKnown(metric, by)
      for (const value of Object.values(by)) dimensions.add(value)
      counts[metric] = (counts[metric] ?? 0) + value
      unwritten.add(metric)
    },
    measure(metric, value, unit) {
      mustBeKnown(metric, {}, unit)
      measurements[metric] ??= []
      measurements[metric].push(value)
      unwritten.add(metric)
    },
    flush: () => unwritten.clear(),
  }
  /** Everything that was told, in one string, to search for what must not be in it. */
  const everything = () => JSON.stringify([lines, counts, measurements, [...dimensions]])
  return { telemetry, lines, counts, measurements, unwritten, everything }
}

/** Throws for a metric that is emitted otherwise than `infra/operations/metrics.ts`, and with it docs/metrics.md, say. */
export function mustBeKnown(metric: string, by: Record<string, string>, unit = 'Count') {
  const known = (metrics as Record<string, { unit: string; by?: Record<string, readonly string[]> }>)[metric]
  if (known?.unit !== unit) throw new Error(`Metric ${metric} in ${unit} is not in infra/operations/metrics.ts`)
  const split = Object.entries(known.by ?? {})
  const fits = ([name, values]: [string, readonly string[]]) =>
    by[name] !== undefined && (values.length === 0 || values.includes(by[name]))
  if (Object.keys(by).length !== split.length || !split.every(fits))
    throw new Error(`Metric ${metric} by ${JSON.stringify(by)} is not in infra/operations/metrics.ts`)
}
