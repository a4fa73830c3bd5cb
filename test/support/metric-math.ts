/** A metric by its minutes; undefined where nothing was measured. */
export type Series = (number | undefined)[]

/** The value of an expression of CloudWatch's metric math, of as much of it as the relay's alarms use. */
export function evaluate(expression: string, metrics: Record<string, Series>): Series {
  const tokens = expression.match(/\w+|[()[\],+]/g) ?? []
  const length = Object.values(metrics)[0]!.length
  const { value } = sum(0)
  return value as Series

  function sum(at: number): Parsed {
    let left = term(at)
    while (tokens[left.next] === '+') {
      const right = term(left.next + 1)
      left = { value: both(left.value as Series, right.value as Series, (a, b) => a + b), next: right.next }
    }
    return left
  }

  function term(at: number): Parsed {
    const token = tokens[at]!
    if (token === '[') return list(at + 1, ']')
    if (tokens[at + 1] === '(') {
      const { value, next } = list(at + 2, ')')
      return { value: functions[token]!(value as never), next }
    }
    return { value: /^\d+$/.test(token) ? Number(token) : (metrics[token] ?? token), next: at + 1 }
  }

  function list(at: number, end: string): { value: Value[]; next: number } {
    const { value, next } = sum(at)
    if (tokens[next] === end) return { value: [value], next: next + 1 }
    const rest = list(next + 1, end)
    return { value: [value, ...rest.value], next: rest.next }
  }

  function both(a: Series, b: Series, of: (a: number, b: number) => number): Series {
    return Array.from({ length }, (_, minute) => {
      const [x, y] = [a[minute], b[minute]]
      return x === undefined || y === undefined ? undefined : of(x, y)
    })
  }
}

type Value = Series | number | string | Value[]
type Parsed = { value: Value; next: number }

const functions: Record<string, (given: never) => Series> = {
  FILL: ([series, by]: [Series, number | 'REPEAT']) =>
    by === 'REPEAT'
      ? series.map((value, minute) => value ?? series.slice(0, minute).findLast((before) => before !== undefined))
      : series.map((value) => value ?? by),
  DIFF: ([series]: [Series]) =>
    series.map((value, minute) => {
      const before = series[minute - 1]
      return value === undefined || before === undefined ? undefined : value - before
    }),
  MAX: ([all]: [Series[]]) =>
    all[0]!.map((_, minute) => {
      const values = all.flatMap((series) => series[minute] ?? [])
      return values.length > 0 ? Math.max(...values) : undefined
    }),
}
