import * as z from 'zod'

/** A webhook's body in two of the same form: by its entries, by their changes, or by the messages and statuses of one. */
export function halvesOf(document: unknown): object[] | undefined {
  const whole = Whole.safeParse(document).data
  if (!whole) return undefined
  const [entry, ...entries] = whole.entry
  if (entries.length > 0) return halves(whole.entry).map((entry) => ({ ...whole, entry }))
  const [change, ...changes] = entry.changes
  const withChanges = (changes: unknown[]) => ({ ...whole, entry: [{ ...entry, changes }] })
  if (changes.length > 0) return halves(entry.changes).map(withChanges)
  const { messages = [], statuses = [], ...rest } = change.value
  const items = [...messages.map((item) => ({ messages: [item] })), ...statuses.map((item) => ({ statuses: [item] }))]
  if (items.length < 2) return undefined
  return halves(items).map((half) => {
    const lists = {
      messages: half.flatMap((one) => ('messages' in one ? one.messages : [])),
      statuses: half.flatMap((one) => ('statuses' in one ? one.statuses : [])),
    }
    const present = Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0))
    return withChanges([{ ...change, value: { ...rest, ...present } }])
  })
}

const halves = <Item>(items: Item[]) => {
  const middle = Math.ceil(items.length / 2)
  return [items.slice(0, middle), items.slice(middle)]
}

const some = <Schema extends z.ZodType>(element: Schema) => z.tuple([element]).rest(element)
const items = z.array(z.unknown()).optional()
const Whole = z.looseObject({
  entry: some(
    z.looseObject({ changes: some(z.looseObject({ value: z.looseObject({ messages: items, statuses: items }) })) }),
  ),
})
