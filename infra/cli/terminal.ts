import { text as readAll } from 'node:stream/consumers'
import input from '@inquirer/input'
import password from '@inquirer/password'
import pc from 'picocolors'
import { CommandError } from './command-error.ts'

/** Where an operator sits, or a script. Results go to the standard output, everything said on the way to the error output. */
export type Terminal = {
  print(text: string): void
  note(text: string): void
  /** Shows how far something is that takes over a second, or that it is waited for; silent where nobody watches. */
  progress(what: string, done?: number, total?: number): void
  /** Asks for something that may be seen. Throws CommandError where nobody can answer. */
  ask(question: string, suggestion?: string): Promise<string>
  /** Asks for something that nobody may see: each sign of it is shown as a dot. */
  askHidden(question: string): Promise<string>
  /** All of the standard input. */
  readInput(): Promise<string>
  /** Whether somebody can be asked. */
  isInteractive: boolean
  colors: Pick<typeof pc, 'bold' | 'dim' | 'green' | 'red'>
  /** How many columns a line has; undefined where results go to no terminal. */
  columns?: number | undefined
  /** Aborted by Ctrl-C, by SIGTERM, and where nobody reads the results any more; the reason is the exit code that follows. */
  signal: AbortSignal
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  const signal = interruption()
  const isInteractive = stdin.isTTY === true && stderr.isTTY === true
  let progressShown = ''

  function clearProgress() {
    if (progressShown) stderr.write('\r\u001b[K')
    progressShown = ''
  }
  function nobodyToAsk(question: string): never {
    throw new CommandError(`"${question}" cannot be asked without a terminal.`, '--help says how to give it otherwise.')
  }

  return {
    print(text) {
      clearProgress()
      stdout.write(`${text}\n`)
    },
    note(text) {
      clearProgress()
      stderr.write(`${text}\n`)
    },
    progress(what, done, total) {
      const line = progressLine(what, done, total)
      if (!stderr.isTTY || line === progressShown) return
      clearProgress()
      // What wraps cannot be cleared.
      stderr.write(line.slice(0, Math.max(1, (stderr.columns || 80) - 1)))
      progressShown = line
    },
    ask: (message, suggestion = '') =>
      isInteractive ? input({ message, default: suggestion }, { signal, output: stderr }) : nobodyToAsk(message),
    askHidden: (message) =>
      isInteractive
        ? password({ message, mask: '•', toggleMask: false }, { signal, output: stderr })
        : nobodyToAsk(message),
    readInput: () => readAll(stdin),
    isInteractive,
    // Results and what is said beside them may go to different places.
    colors: pc.createColors(stdout.isTTY === true && stderr.isTTY === true && pc.isColorSupported),
    columns: stdout.isTTY ? stdout.columns : undefined,
    signal,
  }
}

/**
 * Aborted by the first signal to end, so that what is held is given back; one that comes later ends the process at once.
 * Where the reader of the results goes away (`| head`), nobody is left to work for: that is the same, without another word.
 */
function interruption() {
  const controller = new AbortController()
  let since: number | undefined
  for (const [signal, exitCode] of Object.entries(exitCodes)) {
    process.on(signal, () => {
      // npm hands Ctrl-C on to its script, so it arrives twice.
      if (since !== undefined && Date.now() - since > 500) process.exit(exitCode)
      since ??= Date.now()
      controller.abort(exitCode)
    })
  }
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EOF') throw error
      controller.abort(readerGone)
    })
  }
  return controller.signal
}

const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }
/** That of a program which SIGPIPE ends. */
const readerGone = 141

/** `Jobs that wait: 3`, with a bar where it is known how many there are; without a number, what is waited for. */
export function progressLine(what: string, done?: number, total?: number) {
  if (done === undefined) return `${what} …`
  return total ? `${bar(done / total)} ${what}: ${done} of ${total}` : `${what}: ${done}`
}

function bar(part: number) {
  const filled = Math.round(Math.min(1, part) * 20)
  return '█'.repeat(filled) + '░'.repeat(20 - filled)
}
