import { expect, test } from 'vitest'
import { progressLine } from '../../../infra/cli/terminal.ts'

test('what is only waited for is said without a number', () => {
  expect(progressLine('Waiting for the consent')).toBe('Waiting for the consent …')
})

test('what is counted has its number, and of how many where that is known', () => {
  expect(progressLine('Jobs that wait', 0)).toBe('Jobs that wait: 0')
  expect(progressLine('Lines', 1, 2)).toBe(`${'█'.repeat(10)}${'░'.repeat(10)} Lines: 1 of 2`)
})
