// Loaded before anything else, by whichever Node.js there is, and must itself run on old ones: goes on with Node.js 24.
// On Linux and Windows `npm ci` brings it along, and npm 11 puts it where scripts find it; npm 10 does not.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { delimiter, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

if (Number.parseInt(process.versions.node, 10) < 24) {
  const system = process.platform === 'win32' ? 'win' : process.platform
  const binary = process.platform === 'win32' ? 'node.exe' : 'node'
  const brought = fileURLToPath(
    new URL(`../../node_modules/node-${system}-${process.arch}/bin/${binary}`, import.meta.url),
  )
  if (!existsSync(brought)) giveUp()
  const child = spawn(brought, [...process.execArgv, ...process.argv.slice(1)], {
    stdio: 'inherit',
    env: { ...process.env, PATH: dirname(brought) + delimiter + process.env.PATH },
  })
  child.on('error', giveUp)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  await new Promise(() => {
    child.on('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
  })
}

function giveUp() {
  console.error(
    `This needs Node.js 24 or newer, and you run ${process.version}: run npm ci, which brings it on Linux and Windows, or ` +
      'install it from https://nodejs.org, then try again.',
  )
  process.exit(1)
}
