import type { Deployment } from './deployment.ts'
import type { Terminal } from './terminal.ts'

/** What every command works with. */
export type Context = {
  terminal: Terminal
  /** The relay that the command line names. Throws CommandError where there is none. */
  deployment(): Promise<Deployment>
}
