import type { Telemetry } from '../platform/telemetry.ts'

/** Logs and counts a provider's codes that no table knows, so that the tables can grow. */
export function reporterOf(telemetry: Pick<Telemetry, 'warn' | 'count'>, provider: string) {
  return (code: string) => {
    telemetry.warn('Unmapped provider error code', { provider, code: code.slice(0, 64) })
    telemetry.count('UnknownCodes', 1, { code: `${provider} ${code.slice(0, 64)}` })
  }
}
