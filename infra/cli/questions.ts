import * as z from 'zod'
import { meant } from '../unknown-fields.ts'
import { CommandError } from './command-error.ts'
import type { Terminal } from './terminal.ts'

/**
 * Asks for what a secret's schema wants, field by field: unseen where it could be secret, with the default where there is
 * one, and again where the answer has not the form of its field. `known` has values, by the names of fields, that stand in
 * place of defaults. What only a file could say (a table of sentences, for instance) is left to its default; what is missing,
 * or does not go together, is left to the schema.
 */
export async function askFor(
  schema: z.core.$ZodType,
  terminal: Terminal,
  path: string[] = [],
  known: Record<string, string> = {},
): Promise<unknown> {
  const suggestion = known[path.at(-1) ?? '']
  if (isScalar(schema)) return askScalar(schema, terminal, path, suggestion)
  if (isList(schema)) return askForAll(schema, terminal, path)
  if (schema instanceof z.ZodLiteral) return schema.value
  if (schema instanceof z.ZodPipe) return askFor(schema.in, terminal, path, known)
  if (schema instanceof z.ZodObject) {
    const answers: [string, unknown][] = []
    for (const [name, field] of Object.entries(schema.shape))
      answers.push([name, await askFor(field, terminal, [...path, name], known)])
    return Object.fromEntries(answers.filter(([, answer]) => answer !== undefined))
  }
  if (schema instanceof z.ZodDefault) {
    const inner = schema.unwrap()
    return isScalar(inner) ? askScalar(inner, terminal, path, suggestion ?? String(schema.def.defaultValue)) : undefined
  }
  if (schema instanceof z.ZodOptional) {
    const inner = schema.unwrap()
    if (isScalar(inner)) return askScalar(inner, terminal, path, '')
    if (isList(inner)) return askForAll(inner, terminal, path)
    if (!(inner instanceof z.ZodObject)) return undefined
    const wanted = await askChoice(terminal, `${labelOf(path)}, yes or no:`, ['yes', 'no'], 'no')
    return wanted === 'yes' ? askFor(inner, terminal, path, known) : undefined
  }
  if (schema instanceof z.ZodUnion) {
    const names = namesOf(schema.options).map((name) => labelOf([...path, name]))
    const name = await askChoice(terminal, `By ${names.join(' or ')}:`, names, names[0])
    return askFor(schema.options[names.indexOf(name)] ?? schema.options[0]!, terminal, path, known)
  }
  throw new CommandError(`${labelOf(path)} cannot be asked for.`, 'Give the whole secret by --file.')
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
async function askForAll(schema: List, terminal: Terminal, path: string[]) {
  const answers: string[] = []
  for (;;) {
    const which = answers.length === 0 ? 'the current one' : 'another that still counts, or nothing'
    const answer = (await terminal.askHidden(`${labelOf(path)}, ${which}:`)).trim()
    if (answer === '') return answers.length > 0 ? answers : undefined
    if (z.safeParse(schema, [...answers, answer]).success) answers.push(answer)
    else terminal.note(`${labelOf(path)}: that has not its form. Once more:`)
  }
}

async function askScalar(schema: Scalar, terminal: Terminal, path: string[], suggestion?: string) {
  if (schema instanceof z.ZodEnum) {
    // What a provider cannot report cannot be chosen.
    const choices = schema.options.map(String).filter((option) => schema.safeParse(option).success)
    const none = suggestion === '' ? ', or nothing' : ''
    const question = `${labelOf(path)} (${choices.join(', ')})${none}:`
    return (await askChoice(terminal, question, choices, suggestion)) || undefined
  }
  const question = `${labelOf(path)}${suggestion === '' ? ', or nothing' : ''}:`
  for (;;) {
    const answer = await (isHidden(path) ? terminal.askHidden(question) : terminal.ask(question, suggestion))
    const text = answer.trim() || (suggestion ?? '')
    if (text === '') return undefined
    const value = scalarOf(schema, text)
    const { success, error } = z.safeParse(schema, value)
    if (success) return value
    const own = error.issues.find(({ code }) => code === 'custom')?.message ?? 'that has not its form'
    terminal.note(`${labelOf(path)}: ${own}. Once more:`)
  }
}

function scalarOf(schema: Scalar, text: string) {
  if (schema instanceof z.ZodBoolean) return text === 'true' || text === 'yes'
  return schema instanceof z.ZodNumber ? Number(text) : text
}

/** Asks until it is one of the choices, in whatever case, or nothing where nothing is suggested. */
async function askChoice(terminal: Terminal, question: string, choices: string[], suggestion = '') {
  for (;;) {
    const answer = (await terminal.ask(question, suggestion)).trim() || suggestion
    const chosen = choices.find((choice) => choice.toLowerCase() === answer.toLowerCase())
    if (chosen !== undefined || answer === '') return chosen ?? ''
    const close = meant(answer, choices)
    const perhaps = close === undefined ? '' : ` Did you mean ${close}?`
    terminal.note(`That is not one of them.${perhaps} There are: ${choices.join(', ')}.`)
  }
}

type Scalar = z.ZodString | z.ZodNumber | z.ZodBoolean | z.ZodEnum
const scalars = [z.ZodString, z.ZodStringFormat, z.ZodNumber, z.ZodBoolean, z.ZodEnum]
const isScalar = (schema: z.core.$ZodType): schema is Scalar => scalars.some((scalar) => schema instanceof scalar)
type List = z.ZodTuple | z.ZodArray
const isList = (schema: z.core.$ZodType): schema is List => schema instanceof z.ZodTuple || schema instanceof z.ZodArray

const isHidden = (path: string[]) => /secret|token|password|key/i.test(path.join('.')) && path.at(-1) !== 'sid'

/** What fields are called where their values are found: at HubSpot, and in the providers' consoles. */
const labels: Record<string, string> = {
  accountSid: 'Account SID',
  apiKey: 'API key',
  'apiKey.sid': 'API key SID',
  'apiKey.secret': 'API key secret',
  appSecrets: 'App secret',
  authTokens: 'Auth token',
  baseUrl: 'URL of its API',
  clientId: 'Client ID',
  clientSecrets: 'Client secret',
  from: 'Sender, such as a phone number with its +',
  graphVersion: 'Version of the Graph API',
  handOnTo: "URL that customers' own messages are handed on to",
  messagingServiceSid: 'Messaging Service SID',
  phoneNumberId: 'Phone number ID',
  platformSecrets: 'Platform secret',
  secrets: 'Signing secret (whsec_…)',
  sentOn: 'A message counts as sent once it is',
  url: 'URL of your service',
  'webhookHeader.secrets': 'Webhook header secret',
}

/** Where a field has no other name, its own: `botToken` → `Bot token`. */
function labelOf(path: string[]) {
  const known = labels[path.join('.')]
  if (known !== undefined) return known
  const words = path.join(' ').replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}
