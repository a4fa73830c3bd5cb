import { closest, distance } from 'fastest-levenshtein'
import * as z from 'zod'

/** A field of a document that its schema does not know, and the one that is probably meant. */
export type UnknownField = { path: string; meant: string | undefined }

/** The fields of a valid document that its schema drops, at any depth: misspelt optional ones, above all. */
export function unknownFields(schema: z.core.$ZodType, document: unknown, path: string[] = []): UnknownField[] {
  if (schema instanceof z.ZodObject) {
    if (!isRecord(document) || takesAny(schema.def.catchall)) return []
    return Object.entries(document).flatMap(([name, value]) => {
      const field = Object.hasOwn(schema.shape, name) ? schema.shape[name] : undefined
      if (field) return unknownFields(field, value, [...path, name])
      return [{ path: [...path, name].join('.'), meant: meant(name, Object.keys(schema.shape)) }]
    })
  }
  if (schema instanceof z.ZodUnion) {
    const forms = schema.options.map((option) => unknownFields(option, document, path))
    const fitting = schema.options.findIndex((option) => z.safeParse(option, document).success)
    return forms[fitting] ?? forms.toSorted((a, b) => a.length - b.length)[0] ?? []
  }
  if (isWrapper(schema)) return document === undefined ? [] : unknownFields(schema.unwrap(), document, path)
  if (schema instanceof z.ZodPipe) return unknownFields(schema.in, document, path)
  if (schema instanceof z.ZodArray && Array.isArray(document))
    return document.flatMap((one, index) => unknownFields(schema.element, one, [...path, String(index)]))
  return []
}

type Wrapper = z.ZodOptional | z.ZodNullable | z.ZodDefault | z.ZodPrefault
const wrappers = [z.ZodOptional, z.ZodNullable, z.ZodDefault, z.ZodPrefault]
const isWrapper = (schema: z.core.$ZodType): schema is Wrapper => wrappers.some((wrapper) => schema instanceof wrapper)

/** Said of fields that nobody knows: `sentOm (did you mean sentOn?)`. */
export const inWords = (fields: UnknownField[]) =>
  fields.map(({ path, meant }) => (meant === undefined ? path : `${path} (did you mean ${meant}?)`)).join(', ')

/** The known name that is close enough to be meant, whatever its case. */
export function meant(name: string, known: string[]): string | undefined {
  if (known.length === 0) return undefined
  const found = closest(
    name.toLowerCase(),
    known.map((one) => one.toLowerCase()),
  )
  // Two letters that changed places count as two.
  const tolerated = found.length < 4 ? 1 : Math.max(2, Math.floor(found.length / 3))
  const isClose = distance(name.toLowerCase(), found) <= tolerated
  return isClose ? known.find((one) => one.toLowerCase() === found) : undefined
}

/** A strict object has a catchall, too: one that nothing is. */
const takesAny = (catchall: z.core.$ZodType | undefined) => catchall !== undefined && !(catchall instanceof z.ZodNever)

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
