import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take long, the longest first: started last, each would keep one processor waiting for the others. */
const long = [
  'simulation/simulation',
  'e2e/inbox',
  'integration/iam',
  'infra/synth',
  'integration/cli/operating',
  'integration/cli',
  'integration/start',
  'infra/package',
  'integration/faults',
  'integration/migration',
  'infra/release',
  'integration/upgrade',
  'infra/readme-settings',
  'integration/cli/mistakes',
  'bench/smoke',
  'bench/counted',
  'integration/demo',
  'integration/rotation',
  'integration/local-stack',
  'integration/live',
  'infra/upgrade',
  'bench/rate-limit',
  'integration/providers',
  'integration/accounts',
  'e2e/install',
]

/** Has the longest test files begin first. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    const rank = ({ moduleId }: TestSpecification) => {
      const index = long.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`))
      return index === -1 ? long.length : index
    }
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b))
  }
}
