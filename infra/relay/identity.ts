import { Stack } from 'aws-cdk-lib'
import type { Construct } from 'constructs'

/**
 * The one name of a relay, for what is found by name: its metrics, its saved queries, the secrets of its channels. No two
 * relays of an account and region share it: it is the name of the stack, which CloudFormation keeps unique, and below that
 * the path of the construct, unless that is called `Relay` and stands right in the stack.
 */
export function identityOf(relay: Construct) {
  const stack = outermostStackOf(relay)
  const path = relay.node.path.slice(stack.node.path.length).replace(/^\//, '')
  return path === 'Relay' ? stack.stackName : `${stack.stackName}/${plain(path, relay.node.addr)}`
}

/** The stack that CloudFormation deploys by itself: nested ones have no name before that. */
function outermostStackOf(scope: Construct) {
  let stack = Stack.of(scope)
  while (stack.nestedStackParent) stack = stack.nestedStackParent
  return stack
}

/** A path in the characters that metrics, secrets and log groups take; what that takes away from it, an address stands for. */
function plain(path: string, address: string) {
  const allowed = path.replaceAll(/[^\w./-]/g, '-')
  return allowed === path && path.length <= 100 ? path : `${allowed.slice(0, 90)}-${address.slice(-8)}`
}
