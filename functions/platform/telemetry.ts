import { LogFormatter, Logger, LogItem } from '@aws-lambda-powertools/logger'
import type { LogAttributes, UnformattedAttributes } from '@aws-lambda-powertools/logger/types'
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics'
import { PermanentError, RetryableError } from './retry.ts'

/** A function's log and metrics: one line per outcome, and counts. Never text, tokens, secrets or phone numbers. */
export type Telemetry = {
  info(message: string, fields?: object): void
  warn(message: string, fields?: object): void
  error(message: string, fields?: object): void
  /** Adds to a CloudWatch metric; `by` splits it by a dimension that has few values, since each is a metric to pay for. */
  count(metric: string, value?: number, by?: Record<string, string>): void
  /** One measurement of a CloudWatch metric. */
  measure(metric: string, value: number, unit: 'Milliseconds' | 'Seconds'): void
  /** Writes the metrics of this invocation out. */
  flush(): void
}

/** Powertools' Logger and Metrics; service name, log level and namespace come from the Lambda's environment. */
export function createTelemetry(): Telemetry {
  const logger = new Logger({ logFormatter: new ShortLines() })
  const metrics = new Metrics()
  const split = new Map<string, Metrics>()

  function splitBy(by: Record<string, string>) {
    const key = JSON.stringify(by)
    const known = split.get(key) ?? new Metrics()
    if (!split.has(key)) for (const [name, value] of Object.entries(by)) known.addDimension(name, value)
    split.set(key, known)
    return known
  }

  return {
    info: (message, fields = {}) => logger.info(message, { ...fields }),
    warn: (message, fields = {}) => logger.warn(message, { ...fields }),
    error: (message, fields = {}) => logger.error(message, { ...fields }),
    count: (metric, value = 1, by) => void (by ? splitBy(by) : metrics).addMetric(metric, MetricUnit.Count, value),
    measure: (metric, value, unit) => void metrics.addMetric(metric, unit, value),
    flush: () => {
      for (const one of [metrics, ...split.values()]) if (one.hasStoredMetrics()) one.publishStoredMetrics()
      split.clear()
    },
  }
}

// CloudWatch charges for each byte: without the id of an X-Ray trace that does not exist, and the rate of a sampling that is
// off.
class ShortLines extends LogFormatter {
  override formatAttributes(
    { logLevel: level, message, timestamp, serviceName: service }: UnformattedAttributes,
    fields: LogAttributes,
  ) {
    const attributes = { level, message, timestamp: this.formatTimestamp(timestamp), service, ...fields }
    return new LogItem({ attributes })
  }
}

/**
 * An error as fields of a log line: its name and code, and those of its cause; its message only where that is our own, or AWS's.
 * Any other, such as a parser's, may quote what it was given: of that, the place where it was thrown.
 */
export function errorFields(error: unknown) {
  if (!(error instanceof Error)) return { error: 'Unknown' }
  const cause = error.cause instanceof Error ? { cause: nameAndCode(error.cause) } : {}
  return { error: nameAndCode(error), ...whatOrWhere(error), ...cause }
}

function whatOrWhere(error: Error) {
  const isSafe = error instanceof RetryableError || error instanceof PermanentError || '$metadata' in error
  return isSafe ? { problem: error.message } : { at: placeOf(error) }
}

function nameAndCode(error: Error & { code?: unknown }) {
  return typeof error.code === 'string' && /^\w{1,60}$/.test(error.code) ? `${error.name} ${error.code}` : error.name
}

/** Where an error was thrown, as the first frame of its stack says; undefined where the frames cannot be told from its message. */
function placeOf({ stack = '', message }: Error) {
  const [frame] = message.includes('\n') ? [] : (/^ {4}(at .+:\d+:\d+\)?)$/m.exec(stack)?.slice(1) ?? [])
  return frame
}
