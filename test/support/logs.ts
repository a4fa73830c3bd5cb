import type { LogEntry } from '../../infra/local/aws/stack.ts'

/** A line that a function logged. */
type Line = { service: string; level: string; message: string; timestamp: string } & Record<string, unknown>

/** What functions wrote: their lines, what those of a message are, and what each metric came to, by function. */
export function readLogs(entries: LogEntry[]) {
  const written = entries.map(({ line }) => JSON.parse(line) as Line & { _aws?: Embedded })
  const lines = written.filter(({ _aws }) => !_aws)
  const measured = written.flatMap(({ _aws, ...values }) =>
    (_aws?.CloudWatchMetrics ?? []).flatMap(({ Dimensions, Metrics }) =>
      Metrics.map(({ Name, Unit }) => ({
        name: Name,
        unit: Unit,
        service: values.service,
        by: Object.fromEntries(
          Dimensions.flat().flatMap((one) => (one === 'service' ? [] : [[one, String(values[one])]])),
        ),
        values: [values[Name]].flat() as number[],
      })),
    ),
  )
  return {
    lines,
    measured,
    /** The lines with this message, of one of HubSpot's messages where it is given. */
    saying: (message: string, messageId?: string) =>
      lines.filter((line) => line.message === message && (messageId === undefined || line['messageId'] === messageId)),
    /** What a metric came to in a function. */
    sumOf: (service: string, name: string) =>
      measured
        .filter((metric) => metric.service === service && metric.name === name)
        .reduce((sum, { values }) => sum + values.reduce((total, value) => total + value, 0), 0),
  }
}

/** CloudWatch's embedded metric format. */
type Embedded = {
  CloudWatchMetrics: { Dimensions: string[][]; Metrics: { Name: string; Unit: string }[] }[]
}
