import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What failed the last time comes first, then what took the least: a mutant is done with at the first test that notices it. */
export default class LikeliestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]) {
    const last = (file: TestSpecification) => this.ctx.cache.getTestSpecificationResult(file)
    const rank = (file: TestSpecification) => (last(file)?.failed ? -1 : (last(file)?.duration ?? 0))
    return files.toSorted((a, b) => rank(a) - rank(b))
  }
}
