/** The elements of a JSON array, each in its own bytes; undefined where it is none, or has no end. Parses nothing. */
export function elementsOf(bytes: Uint8Array) {
  const start = bytes.findIndex((byte, index) => !isSpace(byte) && !(index < 3 && byte === byteOrderMark[index]))
  if (bytes[start] !== opening) return undefined
  const elements: Uint8Array[] = []
  let depth = 0
  let inText = false
  let from = start + 1
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!
    if (inText) {
      if (byte === backslash) at++
      else if (byte === quote) inText = false
    } else if (byte === quote) inText = true
    else if (byte === opening || byte === openingBrace) depth++
    else if (byte === closing || byte === closingBrace) depth--
    if (depth !== 0 && !(depth === 1 && byte === comma && !inText)) continue
    const element = trimmed(bytes.subarray(from, at))
    if (depth === 1 || elements.length > 0 || element.length > 0) elements.push(element)
    from = at + 1
    if (depth === 0) return bytes.subarray(from).every(isSpace) ? elements : undefined
  }
  return undefined
}

function trimmed(bytes: Uint8Array) {
  const start = bytes.findIndex((byte) => !isSpace(byte))
  return start < 0 ? bytes.subarray(0, 0) : bytes.subarray(start, bytes.findLastIndex((byte) => !isSpace(byte)) + 1)
}

const isSpace = (byte: number) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d)
const byteOrderMark = [0xef, 0xbb, 0xbf]
const [opening, closing, openingBrace, closingBrace, comma, quote, backslash] = Buffer.from('[]{},"\\')
