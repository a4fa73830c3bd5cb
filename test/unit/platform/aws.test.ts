import { expect, test } from 'vitest'
import { createSecretsManager, createSqs } from '../../../functions/platform/aws.ts'

test.each([
  ['SQS', createSqs],
  ['Secrets Manager', createSecretsManager],
])(
  'calls of %s pass through what signs and repeats them, and through no logger, self-description or loop detection',
  (_, create) => {
    const steps = create({ AWS_REGION: 'eu-central-1' }).middlewareStack.identify().join()

    expect(steps).toMatch(/retryMiddleware.*httpSigningMiddleware/)
    expect(steps).not.toMatch(/logger|userAgent|recursion/i)
  },
)
