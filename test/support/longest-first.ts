import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** The files that take long, the longest first: started last, each would keep one processor waiting for the other. */
const long = [
  'e2e/inbox',
  'integration/faults',
  'integration/iam',
  'integration/relay/operating',
  'integration/migration',
  'e2e/install',
  'integration/relay',
  'integration/upgrade',
  'integration/forms',
  'integration/demo',
  'integration/rotation',
  'bench/counted',
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
