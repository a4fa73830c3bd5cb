import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import * as z from 'zod'

/**
 * The note in which a relay that runs on this machine says where its parts are; `LOCAL_RELAY_NOTE` names another place.
 * Holds no secret that is not local.
 */
const runningNote =
  process.env['LOCAL_RELAY_NOTE'] ?? fileURLToPath(new URL('../../cdk.out/local-relay.json', import.meta.url))

const Running = z.object({
  /** The process that runs it. */
  pid: z.number(),
  outputs: z.record(z.string(), z.string()),
  /** Where it can be made to do something. */
  controlUrl: z.url().optional(),
  /** Where the simulated providers are called, by provider. */
  providerUrls: z.record(z.string(), z.url()).optional(),
  /** What an AWS SDK needs to talk to it. */
  aws: z.object({ endpoint: z.url(), region: z.string(), accessKeyId: z.string(), secretAccessKey: z.string() }),
})

/** What the note is left of: a stack, and the HubSpot that it calls instead of the one that its template names. */
type Noted = {
  stack: { outputs: Record<string, string>; environment: Record<string, string> }
  hubspot: { url: string }
  controlUrl?: string
  /** The accounts at simulated providers. */
  accounts?: object[]
}

/** Leaves the note for a relay that runs in this process. Returns the way to remove it. */
export function noteRunning(
  { stack: { outputs, environment }, hubspot, controlUrl, accounts = [] }: Noted,
  note = runningNote,
) {
  const running: z.input<typeof Running> = {
    pid: process.pid,
    outputs: { ...outputs, HubSpotBaseUrl: hubspot.url },
    ...(controlUrl && { controlUrl }),
    providerUrls: Object.fromEntries(accounts.map(urlOf)),
    aws: {
      endpoint: environment['AWS_ENDPOINT_URL'] ?? '',
      region: environment['AWS_REGION'] ?? '',
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  }
  writeFileSync(note, JSON.stringify(running, undefined, 2))
  return () => {
    // A relay that was started later has left its own note here.
    if (findRunning(note)?.pid === process.pid) rmSync(note)
  }
}

/** Nothing else of an account belongs in the note. */
function urlOf(account: object) {
  const { provider, baseUrl, url = baseUrl } = account as Record<string, string | undefined>
  return [provider, url]
}

/** What the note says; undefined where there is none, or its process is gone. */
export function findRunning(note = runningNote) {
  try {
    const running = Running.parse(JSON.parse(readFileSync(note, 'utf8')))
    process.kill(running.pid, 0)
    return running
  } catch {
    return undefined
  }
}
