import type * as z from 'zod'
import { CommandError } from './command-error.ts'

/** What HubSpot answered. Throws CommandError where it has another form than is documented; `instead` shows the same. */
export function parseAnswer<Schema extends z.ZodType>(schema: Schema, json: unknown, instead: string): z.infer<Schema> {
  const result = schema.safeParse(json)
  if (result.success) return result.data
  throw new CommandError("HubSpot's answer is not in the documented form.", `Look it up in ${instead}.`)
}
