import { App, Stack } from 'aws-cdk-lib'
import { Template } from 'aws-cdk-lib/assertions'
import cdk from '../../cdk.json' with { type: 'json' }
import { relaysAmong } from '../../infra/relay/outputs.ts'
import { StatusRelay, type StatusRelayProps } from '../../infra/relay/status-relay.ts'
import { relayName } from '../../infra/relay-name.ts'

/** A resource's properties: CloudFormation's shape, different for each type. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look into it by path, and a wrong path fails the test
export type Properties = Record<string, any>

/** A CloudFormation resource, as far as the tests look into it. */
export type Resource = { Type: string; Properties: Properties; DeletionPolicy?: string }

/** The template of a relay, without the bundles of its functions. */
export function relayTemplate(props: StatusRelayProps | ((stack: Stack) => StatusRelayProps) = {}) {
  const app = new App({ context: { ...cdk.context, 'aws:cdk:bundling-stacks': [] } })
  const stack = new Stack(app, relayName())
  new StatusRelay(stack, 'Relay', typeof props === 'function' ? props(stack) : props)
  return Template.fromStack(stack)
}

/** The values of a relay's outputs, by their plain names. */
export function outputsOf(template: Template): Record<string, unknown> {
  const [outputs = {}] = relaysAmong(template.findOutputs('*'))
  return Object.fromEntries(Object.entries(outputs).map(([name, { Value }]) => [name, Value]))
}

/** The resources of one type with their logical ids. */
export const resourcesOf = (template: Template, type: string) =>
  Object.entries(template.findResources(type)) as [string, Resource][]

/** The functions' properties by their names. */
export const functionsOf = (template: Template) =>
  Object.fromEntries(
    resourcesOf(template, 'AWS::Lambda::Function').map(([id, { Properties }]) => [
      Properties['Environment'].Variables.POWERTOOLS_SERVICE_NAME as string,
      { ...Properties, id } as Properties,
    ]),
  )

/** What a reference points to, in words: `Ledger`, `DeliveriesQueue`, or an ARN with its pseudo parameters. */
export function nameOf(value: unknown): string {
  if (typeof value === 'string') return value
  const { Ref, 'Fn::GetAtt': attribute, 'Fn::Join': join } = value as Record<string, [string, string[]] & string>
  if (join) return join[1].map((part) => nameOf(part)).join('')
  return (Ref ?? attribute?.[0] ?? '').replace(/^Relay(.*)[0-9A-F]{8}$/, '$1')
}
