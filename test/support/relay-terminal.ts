import pc from 'picocolors'
import { relay } from '../../infra/cli/relay.ts'

/** Where the tests sit in front of the command line: what is answered to its questions, and what it said. */
export type Session = {
  answers?: string[]
  input?: string
  signal?: AbortSignal
  /** Told of each result as it is printed. */
  onPrint?(text: string): void
  /** Without --local. */
  inAws?: boolean
}

/** Runs a command against the local relay that left this note. */
export async function runRelay(note: string, args: string[], session: Session = {}) {
  const answers = [...(session.answers ?? [])]
  const said: string[] = []
  const printed: string[] = []
  const answer = async () => answers.shift() ?? ''
  const exitCode = await relay([...(session.inAws ? [] : ['--local']), ...args], {
    note,
    terminal: {
      print(text) {
        printed.push(text)
        session.onPrint?.(text)
      },
      note: (text) => void said.push(text),
      progress() {},
      ask: answer,
      askHidden: answer,
      readInput: async () => session.input ?? '',
      isInteractive: session.answers !== undefined,
      colors: pc.createColors(false),
      signal: session.signal ?? new AbortController().signal,
    },
  })
  return { exitCode, printed: printed.join('\n'), said: said.join('\n'), all: [...printed, ...said].join('\n') }
}
