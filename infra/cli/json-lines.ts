import type * as z from 'zod'
import { parseJson } from '../../functions/platform/json.ts'
import { problems } from '../../functions/platform/problems.ts'
import { inWords, unknownFields } from '../unknown-fields.ts'
import { readGiven } from './arguments.ts'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'

/** What became of a line, in a word or two: `imported`, `unchanged`, `would be created`. */
type Result = string

/** Thrown for a line that cannot be done; the next one is. The message quotes nothing of it. */
export class LineError extends Error {
  override name = 'LineError'
}

/**
 * Does something with each line of a file of JSON documents (JSONL), or of the standard input where the file is `-`, and says
 * what became of each: by its number and its id, with nothing else of it. `each` finds out by itself what was done before,
 * so that the same file can be given again. Throws CommandError at the end where a line could not be done.
 */
export async function doLines<Schema extends z.ZodType>(
  terminal: Terminal,
  { file, schema, idOf, json }: Lines<Schema>,
  each: (entry: z.infer<Schema>) => Promise<Result>,
) {
  const lines = (await readGiven(terminal, file)).split('\n')
  const seen = new Map<string, number>()
  const counts = new Map<Result, number>()
  let failed = 0

  function say(line: number, id: string | undefined, result: Result, problem?: string) {
    if (json) return terminal.print(JSON.stringify({ line, id, result, problem }))
    const which = id === undefined ? `line ${line}` : `line ${line}, ${id}`
    terminal.print(problem === undefined ? `${which}: ${result}` : `${which}: ${result}: ${problem}`)
  }

  for (const [index, text] of lines.entries()) {
    if (text.trim() === '') continue
    if (terminal.signal.aborted) break
    const line = index + 1
    let id: string | undefined
    try {
      const entry = understood(schema, text)
      id = idOf(entry)
      const before = seen.get(id)
      if (before !== undefined) throw new LineError(`it stands on line ${before} already`)
      seen.set(id, line)
      const result = await each(entry)
      counts.set(result, (counts.get(result) ?? 0) + 1)
      say(line, id, result)
    } catch (error) {
      if (!(error instanceof LineError)) throw error
      failed++
      say(line, id, 'failed', error.message)
    }
    terminal.progress('Lines', line, lines.length)
  }

  const done = [...counts].map(([result, count]) => `${result}: ${count}`).join(', ')
  if (terminal.signal.aborted)
    terminal.note(`Interrupted; ${done || 'nothing was done'}. The same command goes on where it ended.`)
  else terminal.note(done || 'No line was done.')
  if (failed > 0)
    throw new CommandError(
      `Lines that could not be done: ${failed}.`,
      'Fix them and give the file again: what is done is skipped.',
    )
}

type Lines<Schema extends z.ZodType> = {
  /** A path, or `-`. */
  file: string
  schema: Schema
  idOf(entry: z.infer<Schema>): string
  json?: boolean | undefined
}

/** A line as its schema has it. Throws LineError, which names fields and never values. */
function understood<Schema extends z.ZodType>(schema: Schema, text: string): z.infer<Schema> {
  const document = parseJson(text)
  if (document === undefined) throw new LineError('it is not JSON')
  return strictly(schema, document)
}

/** The same of a document; a field that nobody reads is refused, since it is misspelt. */
export function strictly<Schema extends z.ZodType>(schema: Schema, document: unknown): z.infer<Schema> {
  const result = schema.safeParse(document)
  if (!result.success) throw new LineError(problems(result.error))
  const unknown = unknownFields(schema, document)
  if (unknown.length > 0) throw new LineError(`it has fields that nobody reads: ${inWords(unknown)}`)
  return result.data
}
