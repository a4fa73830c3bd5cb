import type { Telemetry } from '../../functions/platform/telemetry.ts'

/** Telemetry that keeps what it is told. */
export function collectTelemetry() {
  const lines: ({ level: string; message: string } & Record<string, unknown>)[] = []
  const counts: Record<string, number> = {}
  /** Metrics that nobody has written out yet: after an invocation there must be none. */
  const unwritten = new Set<string>()
  const keep = (level: string) => (message: string, fields?: object) => void lines.push({ level, message, ...fields })

  const telemetry: Telemetry = {
    info: keep('info'),
    warn: keep('warn'),
    error: keep('error'),
    count(metric, value = 1) {
      counts[metric] = (counts[metric] ?? 0) + value
      unwritten.add(metric)
    },
    flush: () => unwritten.clear(),
  }
  /** Everything that was told, in one string, to search for what must not be in it. */
  const everything = () => JSON.stringify([lines, counts])
  return { telemetry, lines, counts, unwritten, everything }
}
