import { closest, distance } from 'fastest-levenshtein'
import type * as z from 'zod'

/** A field of a document that its schema does not know, and the one that is probably meant. */
export type UnknownField = { path: string; meant: string | undefined }

/** The fields of a valid document that its schema drops, at any depth: misspelt optional ones, above all. */
export function unknownFields(schema: z.core.$ZodType, document: unknown, path: string[] = []): UnknownField[] {
  const def = (schema as z.core.$ZodTypes)._zod.def
  switch (def.type) {
    case 'object': {
      if (!isRecord(document) || takesAny(def.catchall)) return []
      return Object.entries(document).flatMap(([name, value]) => {
        const field = Object.hasOwn(def.shape, name) ? def.shape[name] : undefined
        if (field) return unknownFields(field, value, [...path, name])
        return [{ path: [...path, name].join('.'), meant: meant(name, Object.keys(def.shape)) }]
      })
    }
    case 'union': {
      const forms = def.options.map((option) => unknownFields(option, document, path))
      const fitting = def.options.findIndex((option) => (option as z.ZodType).safeParse(document).success)
      return forms[fitting] ?? forms.toSorted((a, b) => a.length - b.length)[0] ?? []
    }
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
      return document === undefined ? [] : unknownFields(def.innerType, document, path)
    case 'pipe':
      return unknownFields(def.in, document, path)
    case 'array':
      return Array.isArray(document)
        ? document.flatMap((one, index) => unknownFields(def.element, one, [...path, String(index)]))
        : []
    default:
      return []
  }
}

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
const takesAny = (catchall: z.core.$ZodType | undefined) => catchall !== undefined && catchall._zod.def.type !== 'never'

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
