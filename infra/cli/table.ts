import Table from 'cli-table3'
import stringWidth from 'string-width'

/**
 * A table that is no wider than the terminal: the widest columns wrap their words, and where even that does not fit, each
 * row folds into lines of its own. Without a width, nothing wraps.
 */
export function tableOf(head: string[], rows: string[][], columns = Number.POSITIVE_INFINITY) {
  const natural = head.map((name, index) => Math.max(widthOf(name), ...rows.map((row) => widthOf(row[index] ?? ''))))
  const words = head.map((name, index) => longestWord([name, ...rows.map((row) => row[index] ?? '')]))
  const widths = fitted(natural, words, columns - frame(head.length))
  if (!widths) return folded(head, rows, columns)
  const table = new Table({
    head,
    style: { head: [], border: [], compact: true },
    // Two of each are padding.
    colWidths: widths.map((width) => width + 2),
    wordWrap: true,
  })
  table.push(...rows)
  return table.toString()
}

/** What the lines between cells, and the space beside them, take of a row. */
const frame = (count: number) => count * 3 + 1

/** The widths that fit, taken from the widest columns first, and no word cut; undefined where none do. */
function fitted(natural: number[], words: number[], room: number) {
  const widths = [...natural]
  const total = () => widths.reduce((sum, width) => sum + width, 0)
  while (total() > room) {
    const yielding = widths.flatMap((width, index) => (width > words[index]! ? [index] : []))
    if (yielding.length === 0) return undefined
    const widest = yielding.reduce((a, b) => (widths[b]! > widths[a]! ? b : a))
    widths[widest]!--
  }
  return widths
}

const longestWord = (cells: string[]) => Math.max(...cells.flatMap((cell) => cell.split(/\s/)).map(widthOf))

function folded(head: string[], rows: string[][], columns: number) {
  const width = Math.max(...head.map((name) => name.length)) + 2
  const fold = (cell: string) => wrapped(cell, columns - width).join(`\n${' '.repeat(width)}`)
  return rows
    .map((row) => row.map((cell, index) => `${(head[index] ?? '').padEnd(width)}${fold(cell)}`).join('\n'))
    .join('\n\n')
}

/** A text in lines of so many columns; a word that is longer has a line of its own. */
function wrapped(text: string, columns: number) {
  const lines: string[] = []
  for (const word of text.split(/\s+/)) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`
    if (lines.length > 0 && widthOf(longer) > columns) lines.push(word)
    else lines.splice(-1, 1, longer)
  }
  return lines
}

/** How many columns the longest line of a cell takes, without colours: Chinese, Japanese and emoji take two a character. */
const widthOf = (cell: string) => Math.max(...cell.split('\n').map(stringWidth))
