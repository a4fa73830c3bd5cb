/**
 * A text as JSON, with a byte order mark before it or without; undefined where it is none. The reason is not told: a
 * SyntaxError quotes the text. A `length` that is an object is left out: a schema compares it, whatever has one, and an
 * object may have nothing to compare. In a document that is nested thousands deep it stays.
 */
export function parseJson(text: string): unknown {
  return (mayHaveOddLength.test(text) ? parse(text, withoutOddLength) : undefined) ?? parse(text)
}

/**
 * As `parseJson`, but numbers that JavaScript would round stay as they are written, for `wholeNumber` to read and for
 * `JSON.stringify` to write. In a document that is nested thousands deep they are rounded.
 */
export function parseJsonExactly(text: string): unknown {
  return (mayBeRounded.test(text) ? parse(text, keepingNumbers) : undefined) ?? parseJson(text)
}

/** A whole number, not below zero, in digits; undefined where it is none, or was rounded. */
export function wholeNumber(value: unknown): string | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? String(value) : undefined
  if (!exact.isRawJSON(value)) return undefined
  const [, whole = '', fraction = '', exponent = '0'] =
    /^(\d+)(?:\.(\d*?)0*)?(?:e\+?(\d+))?$/i.exec(value.rawJSON) ?? []
  const zeros = Number(exponent) - fraction.length
  if (whole === '' || zeros < 0 || zeros > maxDigits) return undefined
  return (whole + fraction + '0'.repeat(zeros)).replace(/^0+(?=\d)/, '')
}

/** Whether a value is a number that stays as it is written. */
export const isExactNumber = (value: unknown) => exact.isRawJSON(value)

// A number has sixteen digits or an exponent where it is to be rounded. It may stand within a text, which costs time alone.
const mayBeRounded = /[:,[]\s*-?(?:\d[\d.]{15}|\d[\d.]*e)/i
const maxDigits = 40

// An escape may spell its letters.
const mayHaveOddLength = /length"\s*:\s*[[{]|\\u00[67]/

function parse(text: string, reviver?: Reviver): unknown {
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''), reviver as Parameters<typeof JSON.parse>[1])
  } catch {
    return undefined
  }
}

type Reviver = (name: string, value: unknown, context: { source: string }) => unknown

const withoutOddLength: Reviver = (name, value) => (name === 'length' && value instanceof Object ? undefined : value)

// Nor can a `length` be compared that stays as it is written.
const keepingNumbers: Reviver = (name, value, context) =>
  typeof value === 'number' && Math.abs(value) >= 2 ** 52 && name !== 'length'
    ? exact.rawJSON(context.source)
    : withoutOddLength(name, value, context)

// ECMAScript's "JSON.parse source text access", which TypeScript does not know yet.
const exact = JSON as unknown as {
  rawJSON(source: string): unknown
  isRawJSON(value: unknown): value is { rawJSON: string }
}
