import type { Construct } from 'constructs'

/**
 * Explains to whoever checks templates (cdk-nag) why a rule does not hold for a construct and what is in it. It is what
 * `Validations.of(construct).acknowledge(…)` writes down, which the older versions of aws-cdk-lib do not have.
 */
export function acknowledge({ node }: Construct, ...rules: { id: string; reason: string }[]) {
  for (const { id, reason } of rules) node.addMetadata('aws:cdk:acknowledged-rules', { [id]: reason })
}
