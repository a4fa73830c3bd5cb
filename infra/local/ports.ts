import { once } from 'node:events'
import { createServer } from 'node:net'

/** The ports of a relay on this machine, always the same unless they are taken: what points at them need not change. */
export const usualPorts = { relay: 4710, inbox: 4711, hubspot: 4712 }

/** The port if it is free, else 0, which means any that is. */
export async function freeOrAny(port: number) {
  const server = createServer()
  try {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    return port
  } catch {
    return 0
  } finally {
    server.close()
  }
}
