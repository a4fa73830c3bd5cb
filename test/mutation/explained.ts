/** Mutants that nothing notices because they change nothing: the line that they are planted in, what becomes what, and why. */
export const explained: { file: string; line: string; mutant: string; why: string }[] = [
  {
    file: 'functions/messages/status.ts',
    line: 'return known === undefined || ladder.indexOf(status) > ladder.indexOf(known)',
    mutant: 'known === undefined → false',
    why: 'What is not on the ladder has the index −1, below everything.',
  },
  {
    file: 'functions/messages/status.ts',
    line: "return b !== undefined && words[a] === words[b] && (words[a] !== 'FAILED' || a === b)",
    mutant: 'b !== undefined → true',
    why: 'There is no word for undefined, so it equals none.',
  },
]
