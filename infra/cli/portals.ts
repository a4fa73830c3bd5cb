import { paginateScan } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { keyOf, Portal } from '../../functions/hubspot/portal.ts'
import { CommandError } from './command-error.ts'
import type { Deployment } from './deployment.ts'
import { portalOf } from './scan.ts'

/** What is kept of every portal; undefined where that cannot be read. */
export async function readPortals({ dynamodb, outputs }: Deployment) {
  const portals: [portalId: string, portal: Portal | undefined][] = []
  for await (const { Items = [] } of paginateScan({ client: dynamodb }, { TableName: outputs.PortalsTableName })) {
    for (const item of Items.map((item) => unmarshall(item))) {
      const portalId = portalOf(String(item['pk'])) ?? ''
      if (item['pk'] === keyOf(portalId)) portals.push([portalId, Portal.safeParse(item).data])
    }
  }
  return portals
}

/** Where one has to be chosen. */
export const severalPortals = () =>
  new CommandError('There are several HubSpot accounts.', '--portal says which is meant.')
