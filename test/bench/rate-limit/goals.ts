import type { Load, Result } from './play.ts'

/** A figure, and whether it reaches its goal; undefined where there is none. */
export type Verdict = { figure: string; reached?: boolean | undefined }

/** The figures that there are goals for. Quiet portals are compared with what they have without the noisy one. */
export function judge(load: Load, result: Result, alone: Result | undefined) {
  const { drainRatio, refusedShare, quiet, limiterWritesPerUpdate } = result
  const isBusy = load.quietPortals === 0
  return {
    drain: {
      figure: drainRatio?.toFixed(3) ?? '> 2',
      // Beside hundreds of portals the flood gets what these leave: there it is their goal that counts.
      reached: load.quietPortals > 100 ? undefined : drainRatio !== undefined && drainRatio <= 1.08,
    },
    refused: { figure: `${(100 * refusedShare).toFixed(2)} %`, reached: refusedShare <= 0.005 },
    quiet: {
      figure: alone ? `${quiet.p50.toFixed(2)} / ${quiet.p99.toFixed(2)} (${alone.quiet.p99.toFixed(2)})` : '–',
      reached: alone && quiet.p99 <= 1.5 * alone.quiet.p99,
    },
    // Only a busy portal fills batches of ten, which is what the goal is about.
    extraWrites: {
      figure: limiterWritesPerUpdate.toFixed(2),
      reached: isBusy ? limiterWritesPerUpdate <= 0.2 : undefined,
    },
  } satisfies Record<string, Verdict>
}
