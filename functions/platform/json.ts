/** A text as JSON; undefined where it is none. The reason is not told: a SyntaxError quotes the text. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
