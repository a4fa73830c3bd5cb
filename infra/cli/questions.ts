import type * as z from 'zod'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'

/**
 * Asks for what a secret's schema wants, field by field: unseen where it could be secret, with the default where there is
 * one. What only a file could say (a table of sentences, for instance) is left to its default. Wrong answers are left to
 * the schema.
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
      if (isTuple(innerType)) return askForAll(terminal, path)
      if (definitionOf(innerType).type !== 'object') return undefined
      const wanted = await terminal.ask(`${wordsFor(path)}, yes or no:`, 'no')
      return wanted === 'yes' ? askFor(innerType, terminal, path) : undefined
    }
    case 'union': {
      const names = namesOf(def.options)
      const name = await terminal.ask(`By ${names.join(' or ')}:`, names[0])
      return askFor(def.options[names.indexOf(name)] ?? def.options[0]!, terminal, path)
    }
    case 'tuple':
    case 'array':
      return askForAll(terminal, path)
    case 'pipe':
      return askFor(def.in, terminal, path)
    default:
      if (isScalar(schema)) return askScalar(schema, terminal, path)
      throw new CommandError(`${wordsFor(path)} cannot be asked for.`, 'Give the whole secret by --file.')
  }
}

/** The fields of an account in which the current secret stands first and those that still count follow, for rotation. */
export function rotatingFields(schema: z.core.$ZodType): string[] {
  const def = definitionOf(schema)
  if (def.type === 'union') return def.options.flatMap(rotatingFields)
  if (def.type !== 'object') return []
  return Object.entries(def.shape)
    .filter(([name, field]) => isHidden([name]) && isTuple(field))
    .map(([name]) => name)
}

/** The forms that a secret may have, each named by the first field that no other has. */
function namesOf(forms: readonly z.core.$ZodType[]) {
  const fields = forms.map(definitionOf).map((def) => (def.type === 'object' ? Object.keys(def.shape) : []))
  return fields.map((own) => own.find((name) => fields.filter((others) => others.includes(name)).length === 1) ?? '')
}

/** Lists are of secrets, the current one first. An empty answer ends them. */
async function askForAll(terminal: Terminal, path: string[]) {
  const answers: string[] = []
  for (;;) {
    const which = answers.length === 0 ? 'the current one' : 'another that still counts, or nothing'
    const answer = (await terminal.askHidden(`${wordsFor(path)}, ${which} (hidden):`)).trim()
    if (answer === '') return answers.length > 0 ? answers : undefined
    answers.push(answer)
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

function isTuple(schema: z.core.$ZodType): boolean {
  const def = definitionOf(schema)
  return def.type === 'tuple' || (def.type === 'optional' && isTuple(def.innerType))
}

const isScalar = (schema: z.core.$ZodType) =>
  ['string', 'number', 'boolean', 'enum'].includes(definitionOf(schema).type)

const isHidden = (path: string[]) => /secret|token|password|key/i.test(path.join('.'))

/** `clientSecrets` → `Client secrets`. */
function wordsFor(path: string[]) {
  const words = path.join(' ').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}
