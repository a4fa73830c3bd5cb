import { spawn } from 'node:child_process'
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { limitSignal, slowness } from '../../infra/local/pace.ts'

// How long it takes from `npm start` until the simulated HubSpot is told a first status: on a quiet machine, 15 seconds at most.

const mostSeconds = 15
const busy = slowness()
const startedAt = performance.now()
const seconds = () => (performance.now() - startedAt) / 1000
const npm = spawn('npm', ['start'], {
  cwd: join(import.meta.dirname, '../..'),
  stdio: ['ignore', 'pipe', 'inherit'],
})
let ready: number | undefined
const told = await new Promise<number>((resolve, reject) => {
  limitSignal(120_000).addEventListener('abort', () => reject(new Error('npm start tells HubSpot nothing')))
  npm.once('exit', () => reject(new Error('npm start ended')))
  let printed = ''
  npm.stdout.on('data', (text) => {
    printed += text
    if (printed.includes('Ready after')) ready ??= seconds()
    if (/Relay → HubSpot: PATCH .*200/.test(printed)) resolve(seconds())
  })
}).finally(() => npm.kill('SIGTERM'))

const allowed = mostSeconds * Math.max(1, busy, slowness())
console.log(
  `Ready after ${ready?.toFixed(1)} s, a first status told after ${told.toFixed(1)} s. The machine was ${busy.toFixed(1)} times slower than a quiet one (load ${loadavg()[0]?.toFixed(1)}), so ${allowed.toFixed(0)} s are allowed.`,
)
process.exitCode = told <= allowed ? 0 : 1
