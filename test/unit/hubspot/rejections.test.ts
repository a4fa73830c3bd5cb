import { beforeEach, describe, expect, test } from 'vitest'
import { createRejections } from '../../../functions/hubspot/rejections.ts'
import { createMemoryTable } from '../../support/memory-table.ts'

// Whether HubSpot rejects message after message of a channel in the same way.

const hour = 3_600_000
let time: number
let table: ReturnType<typeof createMemoryTable>
let reads: number

beforeEach(() => {
  time = Date.parse('2026-11-22T12:00:00Z')
  table = createMemoryTable()
  reads = 0
})

/** The rejections as one Lambda knows them; all share the table. */
const rejections = () => {
  const get = (pk: string) => {
    reads++
    return table.get(pk)
  }
  return createRejections({ table: { ...table, get }, now: () => time })
}
const message = (messageId: string, channelId = '2') => ({ portalId: '1', channelId, messageId })
const alike = { alike: '400', isYoung: false }

/** So many messages are rejected, one after the other. */
async function reject(count: number, { one = rejections(), channelId = '2', how = alike } = {}) {
  const answers = []
  for (let i = 0; i < count; i++) answers.push(await one.note(message(`m${i}`, channelId), how))
  return answers
}

describe('twenty messages that are rejected alike are no coincidence', () => {
  test('the twentieth is news, and the one after it is systematic', async () => {
    const answers = await reject(21)

    expect(answers.map(({ isNews }) => isNews ?? false)).toEqual([...Array(19).fill(false), true, false])
    expect(answers.map(({ isSystematic }) => isSystematic)).toEqual([...Array(20).fill(false), true])
  })

  test('for every Lambda, and for the twenty themselves not: they are tried on', async () => {
    await reject(20)

    expect(await rejections().note(message('m7'), alike)).toEqual({ isSystematic: false })
    expect(await rejections().note(message('new'), alike)).toEqual({ isSystematic: true })
  })

  test('one that is rejected twenty times is still one', async () => {
    const one = rejections()
    for (let i = 0; i < 20; i++) await one.note(message('m'), alike)

    expect(await one.note(message('other'), alike)).toEqual({ isSystematic: false, isNews: false })
  })

  test('those that are too young to be there do not count', async () => {
    const answers = await reject(20, { how: { alike: '400', isYoung: true } })

    expect(answers).toEqual(Array(20).fill({ isSystematic: false }))
    expect(table.items.size).toBe(0)
  })

  test('in another way, they begin again', async () => {
    await reject(19)
    await reject(1, { how: { alike: '404', isYoung: false } })

    expect(await rejections().note(message('new'), alike)).toEqual({ isSystematic: false, isNews: false })
  })

  test('in another channel, they are others', async () => {
    await reject(20)

    expect(await rejections().note(message('new', '3'), alike)).toEqual({ isSystematic: false, isNews: false })
  })

  test.each([
    ['a day', 24 * hour, true],
    ['more than a day', 24 * hour + 1, false],
  ])('for %s', async (_, later, isSystematic) => {
    await reject(20)
    time += later

    expect(await rejections().note(message('new'), alike)).toMatchObject({ isSystematic })
  })

  test('a batch that is rejected together counts each of its messages', async () => {
    const one = rejections()
    await Promise.all(Array.from({ length: 20 }, (_, i) => one.note(message(`m${i}`), alike)))

    expect(await one.note(message('new'), alike)).toEqual({ isSystematic: true })
  })

  test('a failure of the table is that of one message alone', async () => {
    const one = rejections()
    const { get } = table
    table.get = () => {
      table.get = get
      return Promise.reject(new Error('AWS is down'))
    }
    const answers = await Promise.allSettled([one.note(message('a'), alike), one.note(message('b'), alike)])

    expect(answers.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
  })
})

describe('what is remembered', () => {
  test('costs no read for ten seconds', async () => {
    const one = rejections()
    await reject(21, { one })
    reads = 0
    time += 9_999

    expect(await one.note(message('new'), alike)).toEqual({ isSystematic: true })
    expect(await one.note(message('m3'), alike)).toEqual({ isSystematic: false })
    expect(reads).toBe(0)
  })

  test('is looked up again after that', async () => {
    const one = rejections()
    await reject(21, { one })
    reads = 0
    time += 10_000
    await one.note(message('new'), alike)

    expect(reads).toBe(1)
  })

  test('says nothing of another way of being rejected', async () => {
    const one = rejections()
    await reject(21, { one })

    expect(await one.note(message('new'), { alike: '404', isYoung: false })).toEqual({
      isSystematic: false,
      isNews: false,
    })
  })

  test('of more than a thousand channels is forgotten, and looked up', async () => {
    const one = rejections()
    const expiresAt = Math.ceil(time / 1000) + 86_400
    const messages = Array.from({ length: 20 }, (_, i) => `m${i}`)
    for (let channel = 0; channel < 1003; channel++)
      table.items.set(`rejections#1#${channel}`, {
        ...{ pk: `rejections#1#${channel}`, version: 1, alike: '400', messages, expiresAt },
      })
    for (let channel = 0; channel < 1001; channel++)
      expect(await one.note(message('new', `${channel}`), alike)).toEqual({ isSystematic: true })
    reads = 0

    await one.note(message('new', '0'), alike)
    expect(reads).toBe(0)
    await one.note(message('new', '1001'), alike)
    await one.note(message('new', '1001'), alike)
    expect(reads).toBe(1)
    await one.note(message('new', '0'), alike)
    expect(reads).toBe(2)
  })
})

describe('a rejected message that is taken after all', () => {
  test('shows that others may be, too: for an hour, none is counted', async () => {
    const one = rejections()
    await reject(21, { one })
    await one.recovered(message('m0'))

    expect(await one.note(message('new'), alike)).toEqual({ isSystematic: false })
    time += hour - 1
    await reject(30)
    expect(table.items.get('rejections#1#2')).toMatchObject({ messages: [], recoveredAt: time - hour + 1 })
  })

  test('after that hour, they count from nothing', async () => {
    await reject(20)
    await rejections().recovered(message('m0'))
    time += hour
    const answers = await reject(20)

    expect(answers.at(-1)).toEqual({ isSystematic: false, isNews: true })
  })

  test('is written down once in half an hour', async () => {
    await reject(20)
    await rejections().recovered(message('m0'))
    const { version } = table.items.get('rejections#1#2') as { version: number }
    time += hour / 2 - 1
    await rejections().recovered(message('m1'))
    expect(table.items.get('rejections#1#2')).toMatchObject({ version })

    time += 1
    await rejections().recovered(message('m2'))
    expect(table.items.get('rejections#1#2')).toMatchObject({ version: version + 1, recoveredAt: time })
  })

  test('writes nothing where nothing was rejected, or that is long ago', async () => {
    await rejections().recovered(message('m0'))
    expect(table.items.size).toBe(0)

    await reject(1)
    const item = table.items.get('rejections#1#2')
    time += 25 * hour
    await rejections().recovered(message('m0'))
    expect(table.items.get('rejections#1#2')).toEqual(item)
  })
})

test('where others write the same item again and again, a message is let off after five tries', async () => {
  let puts = 0
  table.putIfNextVersion = async () => {
    puts++
    return false
  }

  expect(await rejections().note(message('m'), alike)).toEqual({ isSystematic: false })
  expect(puts).toBe(5)
})
