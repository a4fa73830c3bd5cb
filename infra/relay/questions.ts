import type * as z from 'zod'
import type { Terminal } from './terminal.ts'
import { Trouble } from './trouble.ts'

/**
 * Asks for what a secret's schema wants, field by field: unseen where it could be secret, with the default where there is
 * one. What only a file could say (a table of sentences, for instance) is left to its default.
 */
export async function askFor(schema: z.core.$ZodType, terminal: Terminal, path: string[] = []): Promise<unknown> {
  const def = definitionOf(schema)
  switch (def.type) {
    case 'object': {
      const answers: [string, unknown][] = []
      for (const [name, field] of Object.entries(def.shape))
        answers.push([name, await askFor(field, terminal, [...path, name])])
      return Object.fromEntries(answers.filter(([, answer]) => answer !== undefined))
    }
    case 'literal':
      return def.values[0]
    case 'default': {
      if (!isScalar(def.innerType)) return undefined
      return askScalar(def.innerType, terminal, path, String(def.defaultValue))
    }
    case 'optional': {
      const { innerType } = def
      if (isScalar(innerType)) return askScalar(innerType, terminal, path, '')
      if (definitionOf(innerType).type !== 'object') return undefined
      const wanted = await terminal.ask(`${wordsFor(path)}, yes or no:`, 'no')
      return wanted === 'yes' ? askFor(innerType, terminal, path) : undefined
    }
    case 'tuple':
    case 'array':
      return askForAll(terminal, path)
    case 'pipe':
      return askFor(def.in, terminal, path)
    default:
      if (isScalar(schema)) return askScalar(schema, terminal, path)
      throw new Trouble(`${wordsFor(path)} cannot be asked for.`, 'Give the whole secret by --file.')
  }
}

/** The fields of an account in which the current secret stands first and those that still count follow, for rotation. */
export function rotatingFields(schema: z.core.$ZodType) {
  const def = definitionOf(schema)
  if (def.type !== 'object') return []
  return Object.entries(def.shape)
    .filter(([name, field]) => isHidden([name]) && definitionOf(field).type === 'tuple')
    .map(([name]) => name)
}

async function askForAll(terminal: Terminal, path: string[]) {
  const ask = (which: string) =>
    isHidden(path)
      ? terminal.askHidden(`${wordsFor(path)}, ${which} (hidden):`)
      : terminal.ask(`${wordsFor(path)}, ${which}:`)
  const answers = [await ask('the current one')]
  for (;;) {
    const another = await ask('another that still counts, or nothing')
    if (another === '') return answers
    answers.push(another)
  }
}

async function askScalar(schema: z.core.$ZodType, terminal: Terminal, path: string[], suggestion?: string) {
  const def = definitionOf(schema)
  const choices = def.type === 'enum' ? ` (${Object.values(def.entries).join(', ')})` : ''
  const none = suggestion === '' ? ', or nothing' : ''
  const answer = isHidden(path)
    ? await terminal.askHidden(`${wordsFor(path)}${none} (hidden):`)
    : await terminal.ask(`${wordsFor(path)}${choices}${none}:`, suggestion)
  const text = answer.trim() || suggestion
  if (text === '') return undefined
  if (def.type === 'boolean') return text === 'true' || text === 'yes'
  return def.type === 'number' ? Number(text) : text
}

const definitionOf = (schema: z.core.$ZodType) => (schema as z.core.$ZodTypes)._zod.def

const isScalar = (schema: z.core.$ZodType) =>
  ['string', 'number', 'boolean', 'enum'].includes(definitionOf(schema).type)

const isHidden = (path: string[]) => /secret|token|password|key/i.test(path.join('.'))

/** `clientSecrets` → `Client secrets`. */
function wordsFor(path: string[]) {
  const words = path.join(' ').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}
