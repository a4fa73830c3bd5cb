import fc from 'fast-check'

const codePoint = fc.oneof(fc.integer({ min: 0, max: 0xff }), fc.integer({ min: 0, max: 0x10ffff }))

/** Any text: control characters, marks and emoji as likely as letters. (fast-check's own takes most of a second to begin.) */
export const anyText = fc.array(codePoint).map((points) => String.fromCodePoint(...points).toWellFormed())
