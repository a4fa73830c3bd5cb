import * as z from 'zod'

/** What `Ref` (attribute `Ref`) and `Fn::GetAtt` stand for; undefined where that is not known. */
export type Lookup = (logicalId: string, attribute: string) => string | undefined

/**
 * Replaces the intrinsic functions in a value of the template. Throws for a function that is not among those here, and
 * for a reference that the look-up does not know, so that nothing runs on a value it would not have when deployed.
 */
export function resolveIntrinsics(value: unknown, lookup: Lookup): unknown {
  const resolve = (inner: unknown): unknown => resolveIntrinsics(inner, lookup)
  const text = (inner: unknown) => z.string().parse(resolve(inner))
  const list = (inner: unknown) => z.array(z.unknown()).parse(resolve(inner))
  const reference = (logicalId: string, attribute: string) => {
    const found = lookup(logicalId, attribute)
    if (found === undefined) throw new Error(`The local stack does not know ${attribute} of ${logicalId}.`)
    return found
  }

  if (Array.isArray(value)) return value.map(resolve)
  if (typeof value !== 'object' || value === null) return value
  const [[name, argument] = ['', undefined]] = Object.entries(value)
  if (name !== 'Ref' && !name.startsWith('Fn::'))
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, resolve(inner)]))

  switch (name) {
    case 'Ref':
      return reference(text(argument), 'Ref')
    case 'Fn::GetAtt': {
      const [logicalId = '', ...attribute] =
        typeof argument === 'string' ? argument.split('.') : list(argument).map(String)
      return reference(logicalId, attribute.join('.'))
    }
    case 'Fn::Join': {
      const [separator, parts] = z.tuple([z.string(), z.unknown()]).parse(argument)
      return list(parts).map(text).join(separator)
    }
    case 'Fn::Split': {
      const [separator, source] = z.tuple([z.string(), z.unknown()]).parse(argument)
      return text(source).split(separator)
    }
    case 'Fn::Select': {
      const [index, source] = z.tuple([z.coerce.number(), z.unknown()]).parse(argument)
      return list(source)[index]
    }
    case 'Fn::Sub': {
      const [pattern, variables] = z
        .tuple([z.string(), z.record(z.string(), z.unknown())])
        .parse(Array.isArray(argument) ? argument : [argument, {}])
      return pattern.replace(/\$\{(!?)([^}]+)\}/g, (_match, literal: string, key: string) => {
        if (literal) return `\${${key}}`
        if (key in variables) return text(variables[key])
        const [logicalId = '', ...attribute] = key.split('.')
        return reference(logicalId, attribute.join('.') || 'Ref')
      })
    }
    default:
      throw new Error(
        `The local stack cannot resolve ${name}; it knows Ref and Fn::GetAtt, Join, Split, Select and Sub.`,
      )
  }
}
