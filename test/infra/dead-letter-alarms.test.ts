import { expect, test } from 'vitest'
import { evaluate, type Series } from '../support/metric-math.ts'
import { type Properties, relayTemplate, resourcesOf } from './relay-template.ts'

const alarms = resourcesOf(relayTemplate(), 'AWS::CloudWatch::Alarm')
  .map(([, { Properties }]) => Properties)
  .filter(({ AlarmDescription }) => AlarmDescription.endsWith('-new-dead-letters'))
const alarm = alarms[0]!

test('a letter fires once, and is quiet while it lies there', () => {
  expect(ringsAt({ sent: [0, 1], visible: [0, 1] })).toEqual([1])
})

test('the next letter fires again while the first still lies there', () => {
  expect(ringsAt({ sent: at(1, 40), visible: levels([1, 1], [40, 2]) })).toEqual([1, 40])
})

test('letters that come in one go fire once', () => {
  expect(ringsAt({ sent: at(1, 5, 12), visible: levels([1, 1], [5, 2], [12, 3]) })).toEqual([1])
})

test('what SQS moved there by itself, and does not count, fires', () => {
  expect(ringsAt({ visible: levels([3, 2]) })).toEqual([3])
})

test('a letter that comes while another is sent back fires', () => {
  expect(ringsAt({ sent: at(1, 40), visible: levels([1, 1], [40, 1]) })).toEqual([1, 40])
})

test('an operator who looks at the letters, and lets them go again, fires nothing', () => {
  const visible = levels([1, 3], [40, 0], [45, 3])
  const inFlight = levels([40, 3], [45, 0])

  expect(ringsAt({ sent: at(1), visible, inFlight })).toEqual([1])
})

test('letters that are sent back or purged fire nothing', () => {
  expect(ringsAt({ sent: at(1), visible: levels([1, 3], [40, 2], [41, 0]) })).toEqual([1])
})

test('the first letter of a queue that measured nothing for hours fires', () => {
  const nothing = (series: Series) => series.map((value, minute) => (minute < 20 ? undefined : value))

  expect(ringsAt({ visible: nothing(levels([20, 1])) })).toEqual([20])
})

test('a minute that was not measured fires nothing', () => {
  const visible = levels([0, 2]).map((value, minute) => (minute === 40 ? undefined : value))

  expect(ringsAt({ visible })).toEqual([])
})

test('every queue of dead letters has such an alarm', () => {
  expect(alarms).toHaveLength(3)
  expect(new Set(alarms.map(({ Metrics }) => expressionOf(Metrics))).size).toBe(1)
})

const minutes = 60

/** Minutes in which something was counted once. */
const at = (...when: number[]): Series =>
  Array.from({ length: minutes }, (_, minute) => (when.includes(minute) ? 1 : 0))

/** A level from minute to minute, as of each change. */
const levels = (...changes: [minute: number, level: number][]): Series =>
  Array.from({ length: minutes }, (_, minute) => changes.findLast(([since]) => since <= minute)?.[1] ?? 0)

/** The minutes in which the alarm turns red. What is given is measured; what comes after its end is as at its end. */
function ringsAt(given: { sent?: Series; visible?: Series; inFlight?: Series }) {
  const lasting = (series: Series = [0]) => levels().map((_, minute) => series[Math.min(minute, series.length - 1)])
  const sent = levels().map((_, minute) => (given.sent ?? [])[minute])
  const metrics = { sent, visible: lasting(given.visible), inFlight: lasting(given.inFlight) }
  const values = evaluate(expressionOf(alarm['Metrics']), metrics)
  const { EvaluationPeriods, DatapointsToAlarm, Threshold } = alarm
  const isRed = values.map((_, minute) => {
    const lately = values.slice(Math.max(0, minute + 1 - EvaluationPeriods), minute + 1)
    return lately.filter((value) => value !== undefined && value >= Threshold).length >= DatapointsToAlarm
  })
  return isRed.flatMap((red, minute) => (red && !isRed[minute - 1] ? [minute] : []))
}

function expressionOf(all: Properties[]): string {
  return all.find(({ Expression }) => Expression)?.['Expression']
}
