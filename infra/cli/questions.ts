import * as z from 'zod'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'

/**
 * Asks for what a secret's schema wants, field by field: unseen where it could be secret, with the default where there is
 * one. What only a file could say (a table of sentences, for instance) is left to its default. Wrong answers are left to
 * the schema.
 */
export async function askFor(schema: z.core.$ZodType, terminal: Terminal, path: string[] = []): Promise<unknown> {
  if (isScalar(schema)) return askScalar(schema, terminal, path)
  if (isList(schema)) return askForAll(terminal, path)
  if (schema instanceof z.ZodLiteral) return schema.value
  if (schema instanceof z.ZodPipe) return askFor(schema.in, terminal, path)
  if (schema instanceof z.ZodObject) {
    const answers: [string, unknown][] = []
    for (const [name, field] of Object.entries(schema.shape))
      answers.push([name, await askFor(field, terminal, [...path, name])])
    return Object.fromEntries(answers.filter(([, answer]) => answer !== undefined))
  }
  if (schema instanceof z.ZodDefault) {
    const inner = schema.unwrap()
    return isScalar(inner) ? askScalar(inner, terminal, path, String(schema.def.defaultValue)) : undefined
  }
  if (schema instanceof z.ZodOptional) {
    const inner = schema.unwrap()
    if (isScalar(inner)) return askScalar(inner, terminal, path, '')
    if (isList(inner)) return askForAll(terminal, path)
    if (!(inner instanceof z.ZodObject)) return undefined
    const wanted = await terminal.ask(`${wordsFor(path)}, yes or no:`, 'no')
    return wanted === 'yes' ? askFor(inner, terminal, path) : undefined
  }
  if (schema instanceof z.ZodUnion) {
    const names = namesOf(schema.options)
    const name = await terminal.ask(`By ${names.join(' or ')}:`, names[0])
    return askFor(schema.options[names.indexOf(name)] ?? schema.options[0]!, terminal, path)
  }
  throw new CommandError(`${wordsFor(path)} cannot be asked for.`, 'Give the whole secret by --file.')
}

/** The fields of an account in which the current secret stands first and those that still count follow, for rotation. */
export function rotatingFields(schema: z.core.$ZodType): string[] {
  if (schema instanceof z.ZodUnion) return schema.options.flatMap(rotatingFields)
  if (!(schema instanceof z.ZodObject)) return []
  return Object.entries(schema.shape)
    .filter(([name, field]) => isHidden([name]) && isList(field instanceof z.ZodOptional ? field.unwrap() : field))
    .map(([name]) => name)
}

/** The forms that a secret may have, each named by the first field that no other has. */
function namesOf(forms: readonly z.core.$ZodType[]) {
  const fields = forms.map((form) => (form instanceof z.ZodObject ? Object.keys(form.shape) : []))
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

async function askScalar(schema: Scalar, terminal: Terminal, path: string[], suggestion?: string) {
  const choices = schema instanceof z.ZodEnum ? ` (${schema.options.join(', ')})` : ''
  const none = suggestion === '' ? ', or nothing' : ''
  const answer = isHidden(path)
    ? await terminal.askHidden(`${wordsFor(path)}${none} (hidden):`)
    : await terminal.ask(`${wordsFor(path)}${choices}${none}:`, suggestion)
  const text = answer.trim() || suggestion
  if (text === '') return undefined
  if (schema instanceof z.ZodBoolean) return text === 'true' || text === 'yes'
  return schema instanceof z.ZodNumber ? Number(text) : text
}

type Scalar = z.ZodString | z.ZodNumber | z.ZodBoolean | z.ZodEnum
const scalars = [z.ZodString, z.ZodStringFormat, z.ZodNumber, z.ZodBoolean, z.ZodEnum]
const isScalar = (schema: z.core.$ZodType): schema is Scalar => scalars.some((scalar) => schema instanceof scalar)
const isList = (schema: z.core.$ZodType) => schema instanceof z.ZodTuple || schema instanceof z.ZodArray

const isHidden = (path: string[]) => /secret|token|password|key/i.test(path.join('.'))

/** `clientSecrets` → `Client secrets`. */
function wordsFor(path: string[]) {
  const words = path.join(' ').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}
