import { describe, expect, test } from 'vitest'
import { type Described, namesOf, sentencesOf } from '../../../functions/messages/part-names.ts'

const to =
  (recipient: string) =>
  (what: string): Described => ({ what, to: recipient })
const [ours, theirs] = [to('+15550101'), to('+15550102')]

test.each<[string, Described[], string[]]>([
  ['one of its kind is named by it', [ours('text'), ours('file')], ['the text', 'the file']],
  [
    'several of a kind are numbered',
    [ours('file'), ours('text'), ours('file')],
    ['file 1 of 2', 'the text', 'file 2 of 2'],
  ],
  [
    'for several recipients, each is named by its number',
    [ours('text'), ours('file'), theirs('text'), theirs('file')],
    [
      'the text for recipient 1 of 2',
      'the file for recipient 1 of 2',
      'the text for recipient 2 of 2',
      'the file for recipient 2 of 2',
    ],
  ],
])('of several sends, %s', (_, sends, names) => {
  expect(namesOf(sends)).toEqual(names)
})

describe('what an agent reads', () => {
  const files = (count: number) => namesOf(Array.from({ length: count }, () => ours('file')))
  const textAndFile = ['the text', 'the file']
  const toEach = namesOf(['1', '2', '3'].flatMap((recipient) => [to(recipient)('text'), to(recipient)('file')]))

  test.each<[string, string[], Parameters<typeof sentencesOf>[1], string, string?]>([
    ['one failed', textAndFile, ['arrived', 'failed'], 'The text arrived, the file did not.', 'that'],
    [
      'one is not confirmed',
      textAndFile,
      ['arrived', 'unconfirmed'],
      'The text arrived, the file may not have arrived.',
    ],
    ['nothing is known of the rest', textAndFile, [undefined, 'unconfirmed'], 'The file may not have arrived.'],
    ['all failed', textAndFile, ['failed', 'failed'], 'The text and the file did not arrive.'],
    [
      'what failed is more than what is not confirmed',
      textAndFile,
      ['unconfirmed', 'failed'],
      'The file did not arrive.',
      'that',
    ],
    [
      'four are listed',
      files(5),
      ['arrived', 'failed', 'failed', 'failed', 'failed'],
      'File 1 of 5 arrived, file 2 of 5, file 3 of 5, file 4 of 5 and file 5 of 5 did not.',
      'those',
    ],
    [
      'more are counted',
      files(6),
      ['arrived', 'arrived', 'arrived', 'arrived', 'arrived', 'failed'],
      'File 1 of 6, file 2 of 6, file 3 of 6 and 2 more arrived, file 6 of 6 did not.',
      'that',
    ],
    [
      'what went to more than nine recipients is named once',
      namesOf(Array.from({ length: 12 }, (_, index) => to(`${index}`)('text'))),
      [...Array<undefined>(9), 'failed', 'failed', 'failed'],
      'The text for recipients 10, 11 and 12 of 12 did not arrive.',
      'those',
    ],
    [
      'what went to several recipients is named once',
      toEach,
      ['arrived', 'arrived', 'arrived', 'failed', 'arrived', 'failed'],
      'The text for recipients 1, 2 and 3 of 3 and the file for recipient 1 of 3 arrived, the file for recipients 2 and 3 of 3 did not.',
      'those',
    ],
  ])('where %s', (_, names, fates, whatArrived, again) => {
    expect(sentencesOf(names, fates)).toEqual({
      whatArrived,
      ...(again && { advice: `If you send again, send only ${again}.` }),
    })
  })
})
