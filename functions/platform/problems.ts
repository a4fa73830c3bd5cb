import type * as z from 'zod'

/** What zod found wrong, by field and without any value: `clientSecrets.0: expected string`. */
export function problems(error: z.ZodError) {
  return error.issues
    .slice(0, 5)
    .map((issue) => `${issue.path.join('.') || 'document'}: ${wrong(issue)}`)
    .join('; ')
}

const wrong = (issue: z.core.$ZodIssue) =>
  'expected' in issue ? `expected ${issue.expected}` : issue.code.replaceAll('_', ' ')
