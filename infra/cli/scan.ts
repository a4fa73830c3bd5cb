import { ScanCommand, type ScanCommandInput } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { Deployment } from './deployment.ts'
import type { Terminal } from './terminal.ts'

/**
 * Reads a whole table, its segments side by side, and says how far it is. Ends early where `each` returns 'enough', and
 * after Ctrl-C.
 */
export async function scanTable(
  { dynamodb }: Deployment,
  terminal: Terminal,
  { what, segments = 4, ...input }: ScanCommandInput & { what: string; segments?: number },
  each: (item: Record<string, unknown>) => unknown,
) {
  let read = 0
  let isEnough = false

  async function scan(Segment: number) {
    let next: ScanCommandInput['ExclusiveStartKey']
    do {
      const page = await dynamodb.send(
        new ScanCommand({ ...input, Segment, TotalSegments: segments, ExclusiveStartKey: next }),
      )
      for (const item of page.Items ?? []) isEnough ||= (await each(unmarshall(item))) === 'enough'
      read += page.ScannedCount ?? 0
      terminal.progress(what, read)
      next = page.LastEvaluatedKey
    } while (next && !isEnough && !terminal.signal.aborted)
  }

  await Promise.all(Array.from({ length: segments }, (_, segment) => scan(segment)))
}

/** Whether a key of the ledger is a message's: others begin with what they are. */
export const isOfMessage = (pk: string) => /^\d+#/.test(pk)

/** The portal that an item of the ledger or of the portals table belongs to, by its key. */
export function portalOf(pk: string) {
  const [first, second] = pk.split('#')
  return isOfMessage(pk) ? first : second
}
