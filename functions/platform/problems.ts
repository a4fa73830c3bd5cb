import type * as z from 'zod'

/** What zod found wrong, by field and without any value: `clientSecrets.0: expected string`. Refinements say it in our words. */
export function problems(error: z.ZodError) {
  return flat(error.issues)
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'document'}: ${wrong(issue)}`)
    .join('; ')
}

/** Of the forms that a document may have, the one that it is closest to says what is wrong with it. */
function flat(issues: z.core.$ZodIssue[]): z.core.$ZodIssue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue]
    const [closest = []] = issue.errors.toSorted((a, b) => a.length - b.length)
    return flat(closest).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }))
  })
}

function wrong(issue: z.core.$ZodIssue) {
  if ('expected' in issue) return `expected ${issue.expected}`
  return issue.code === 'custom' ? issue.message : issue.code.replaceAll('_', ' ')
}
