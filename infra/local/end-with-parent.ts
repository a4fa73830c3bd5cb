import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

/**
 * Tells when whoever started this process has ended, however it ended: `npm start` is npm, a shell, perhaps an older
 * Node.js, and this process, and of a signal to npm the last of them learns nothing. On Windows nothing is told.
 * Returns the way to stop looking.
 */
export function onEndOfParent(act: () => void) {
  const parent = process.ppid
  let npm: number | undefined
  void findNpm(parent).then((found) => {
    npm = found
  })
  const looking = setInterval(() => {
    if (process.ppid === parent && (npm === undefined || isAlive(npm))) return
    clearInterval(looking)
    act()
  }, 500).unref()
  return () => clearInterval(looking)
}

/** The npm that a process was started by, through others; undefined where there is none, or no `ps` to say so. */
async function findNpm(pid: number) {
  for (let at = pid, generation = 0; at > 1 && generation < 4; generation++) {
    const { stdout } = await promisify(execFile)('ps', ['-o', 'ppid=,args=', '-p', String(at)]).catch(() => ({
      stdout: '',
    }))
    const [, ppid, args = ''] = /^\s*(\d+)\s+(.*)/.exec(stdout) ?? []
    // npm names itself after what it runs: `npm start`, `npm run demo`.
    if (/^(\S*\/)?npm\b|npm-cli\.js/.test(args)) return at
    at = Number(ppid ?? 0)
  }
  return undefined
}

function isAlive(pid: number) {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
