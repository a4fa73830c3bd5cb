import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb'
import type { IKey } from 'aws-cdk-lib/aws-kms'
import type { Secret } from 'aws-cdk-lib/aws-secretsmanager'
import type { FunctionProps } from './function.ts'
import type { PublicApi } from './http-api.ts'
import type { Chosen } from './props.ts'
import type { WorkQueue } from './work-queue.ts'

/** What the parts of a relay share: what was chosen, what is kept, and the queues between them. */
export interface Parts {
  readonly chosen: Chosen
  /** The relay's name: see `identityOf`. */
  readonly identity: string
  readonly api: PublicApi
  /** `https://` and the host that is called from outside. */
  readonly baseUrl: string
  readonly ledger: TableV2
  readonly portals: { readonly table: TableV2; readonly key: IKey }
  readonly appSecret: Secret
  /** The providers' credentials: how the names of their secrets begin, and the ARNs of all of them. */
  readonly channels: { readonly prefix: string; readonly arns: string }
  readonly statusUpdates: WorkQueue
  readonly deliveries: WorkQueue | undefined
  readonly handOns: WorkQueue | undefined
  /** What functions that answer a request have in common. */
  readonly answering: Settings
  /** What functions that work off a queue have in common. */
  readonly consuming: Settings
}

type Settings = Omit<FunctionProps, 'environment' | 'may'>
