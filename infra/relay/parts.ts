import { Duration } from 'aws-cdk-lib'
import type { Construct } from 'constructs'
import type { Chosen } from './defaults.ts'
import type { FunctionProps } from './function.ts'
import { PublicApi } from './http-api.ts'
import { identityOf } from './identity.ts'
import { letLogsUse } from './log-group.ts'
import { createAccessTokensSecret, createAppSecret, createCredentials, createLedger, createPortals } from './storage.ts'
import { consumerTimeout, createQueues } from './work-queue.ts'

/** What the parts of a relay share: what was chosen, what is kept, the queues between them, and what they have in common. */
export type Parts = ReturnType<typeof createParts>

/** Creates what stores data, and what connects the functions. */
export function createParts(scope: Construct, chosen: Chosen) {
  const identity = identityOf(scope)
  const { logEncryptionKey, throttle, domain } = chosen
  const logs = { retention: chosen.logRetention, encryptionKey: logEncryptionKey }
  if (logEncryptionKey) letLogsUse(logEncryptionKey, scope)
  const ledger = createLedger(scope, chosen)
  const portals = createPortals(scope, chosen)
  const appSecret = createAppSecret(scope, chosen)
  const accessTokensSecret = createAccessTokensSecret(scope, chosen)
  // A relay that neither delivers nor takes receipts talks to no provider.
  const credentials = chosen.delivery || chosen.receipts ? createCredentials(scope, chosen) : undefined
  const queues = createQueues(scope, chosen)
  const api = new PublicApi(scope, 'Api', { identity, logs, throttle, domain })
  const baseUrl = chosen.publicBaseUrl ?? api.url
  const common = { logs, metricsNamespace: identity }
  return {
    chosen,
    /** The relay's name. */
    identity,
    api,
    /** `https://` and the host that is called from outside. */
    baseUrl,
    urls: {
      webhook: `${baseUrl}/hubspot/webhook`,
      receipts: chosen.receipts ? `${baseUrl}/receipts` : undefined,
      install: chosen.install ? `${baseUrl}/oauth/install` : undefined,
    },
    ledger,
    portals,
    appSecret,
    accessTokensSecret,
    credentials,
    ...queues,
    /** What functions that answer a request have in common. */
    // 256 MB bring a seventh of a CPU: enough for one request, since what is slow happens during init, at full speed.
    answering: { ...common, timeout: Duration.seconds(10), memorySize: 256 } satisfies Settings,
    /** What functions that consume a queue have in common. */
    // A batch takes up to 20 ms of a whole CPU; with the 0.3 of one at 512 MB, still less than HubSpot takes to answer.
    consuming: { ...common, timeout: consumerTimeout, memorySize: 512 } satisfies Settings,
  }
}

type Settings = Omit<FunctionProps, 'environment' | 'may'>
