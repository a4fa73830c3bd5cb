import { createServer, type RequestListener, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { createFetchJson, NoAnswer } from '../../../functions/platform/fetch-json.ts'

const closing: (() => Promise<unknown>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

test('an answer is its status, headers, text and, where it is JSON, what that says', async () => {
  const url = await serve((_, response) => response.writeHead(201, { 'x-name': 'value' }).end('{"text":"Grüße 👋"}'))

  expect(await fetchJson()(url, { method: 'GET' })).toMatchObject({
    status: 201,
    headers: { 'x-name': 'value' },
    text: '{"text":"Grüße 👋"}',
    json: { text: 'Grüße 👋' },
  })
})

test('a request is what it was asked to be, its body byte by byte', async () => {
  const received: object[] = []
  const url = await serve(async (request, response) => {
    const { method, url, headers } = request
    received.push({ method, url, headers, body: (await buffer(request)).toString() })
    response.end()
  })

  await fetchJson()(`${url}/a%2Fb?c=%20`, { method: 'PATCH', headers: { 'x-name': 'value' }, body: 'Grüße 👋' })

  expect(received).toEqual([
    {
      method: 'PATCH',
      url: '/a%2Fb?c=%20',
      headers: expect.objectContaining({ accept: 'application/json', 'x-name': 'value', 'content-length': '12' }),
      body: 'Grüße 👋',
    },
  ])
})

test.each([200, 204, 400, 401, 404, 429, 500, 503])('a %i is an answer, whatever its body', async (status) => {
  const url = await serve((_, response) => response.writeHead(status).end(status === 204 ? undefined : '<html>'))

  expect(await fetchJson()(url, { method: 'POST' })).toMatchObject({ status, json: undefined })
})

test('a redirect is an answer and is not followed', async () => {
  const visited: (string | undefined)[] = []
  const url = await serve((request, response) => {
    visited.push(request.url)
    response.writeHead(307, { location: '/elsewhere' }).end()
  })

  expect(await fetchJson()(`${url}/`, { method: 'POST' })).toMatchObject({ status: 307 })
  expect(visited).toEqual(['/'])
})

test('a connection that was idle for long is not used again, since its server may have closed it unheard', async () => {
  const ports = new Set<number>()
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort!)
    response.end()
  })
  const request = createFetchJson({ timeout: 2000, maxIdle: 20 })

  await request(url, { method: 'GET' })
  await new Promise((resolve) => setTimeout(resolve, 60))
  await request(url, { method: 'GET' })

  expect(ports.size).toBe(2)
})

test('the next request takes the same connection', async () => {
  const ports = new Set<number | undefined>()
  const url = await serve((request, response) => {
    ports.add(request.socket.remotePort)
    response.end('{}')
  })
  const fetch = fetchJson()

  for (let times = 0; times < 5; times++) await fetch(url, { method: 'POST', body: 'Hello' })

  expect(ports.size).toBe(1)
})

test('where nobody listens, nothing arrived', async () => {
  const url = await serve(() => {})
  await closing.pop()?.()

  expect(await failureOf(fetchJson()(url, { method: 'POST', body: 'Hello' }))).toMatchObject({
    message: `POST ${new URL(url).host}: ECONNREFUSED`,
    mayHaveArrived: false,
  })
})

test('where TLS does not come about, nothing arrived', async () => {
  const { port } = await listening(createTcpServer((socket) => void socket.resume().end('no TLS here')))

  expect(await failureOf(fetchJson()(`https://127.0.0.1:${port}/`, { method: 'POST' }))).toMatchObject({
    mayHaveArrived: false,
  })
})

test('a request that got a reset for an answer may have arrived', async () => {
  const url = await serve((request) => request.socket.resetAndDestroy())

  expect(await failureOf(fetchJson()(url, { method: 'POST', body: 'Hello' }))).toMatchObject({
    message: `POST ${new URL(url).host}: ECONNRESET`,
    mayHaveArrived: true,
  })
})

test('a request that got a reset on a connection kept open may have arrived', async () => {
  let count = 0
  const url = await serve((request, response) => {
    if (count++ === 0) response.end()
    else request.socket.resetAndDestroy()
  })
  const fetch = fetchJson()
  await fetch(url, { method: 'POST' })

  expect(await failureOf(fetch(url, { method: 'POST' }))).toMatchObject({ mayHaveArrived: true })
})

test('a request without an answer in time may have arrived', async () => {
  const url = await serve(() => {})

  expect(await failureOf(fetchJson(300)(url, { method: 'POST' }))).toMatchObject({
    message: `POST ${new URL(url).host}: ETIMEDOUT`,
    mayHaveArrived: true,
  })
})

test('the time is for the whole answer, however steadily it trickles', async () => {
  const url = await serve((_, response) => {
    const trickle = setInterval(() => response.write(' '), 10)
    response.on('close', () => clearInterval(trickle))
  })
  const start = performance.now()

  expect(await failureOf(fetchJson(300)(url, { method: 'POST' }))).toMatchObject({ mayHaveArrived: true })
  expect(performance.now() - start).toBeLessThan(3000)
})

test('an answer that is cut off is none', async () => {
  const url = await serve((_, response) => {
    response.writeHead(200, { 'content-length': '100' }).write('{"status":"sent"}')
    setTimeout(() => response.destroy(), 10)
  })

  expect(await failureOf(fetchJson()(url, { method: 'POST' }))).toMatchObject({
    message: `POST ${new URL(url).host}: ECONNRESET`,
    mayHaveArrived: true,
  })
})

test('an answer in no words of HTTP is none', async () => {
  const { port } = await listening(createTcpServer((socket) => void socket.resume().end('Hello\r\n\r\n')))

  expect(await failureOf(fetchJson()(`http://127.0.0.1:${port}/`, { method: 'POST' }))).toMatchObject({
    mayHaveArrived: true,
  })
})

test('eight mebibytes are an answer, as HubSpot may repeat a message in; more is too long for one', async () => {
  const url = await serve((request, response) => response.end('x'.repeat(Number(request.url?.slice(1)))))
  const most = 8 * 1024 * 1024

  expect((await fetchJson()(`${url}/${most}`, { method: 'GET' })).text).toHaveLength(most)
  expect(await failureOf(fetchJson()(`${url}/${most + 1}`, { method: 'GET' }))).toMatchObject({
    message: `GET ${new URL(url).host}: answer too long`,
    mayHaveArrived: true,
  })
})

test.each([
  [
    'changes the protocol',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    false,
  ],
  ['changes the protocol, unasked and in silence', 'HTTP/1.1 101 Switching Protocols\r\n\r\n', false],
  ['says to go on, and closes', 'HTTP/1.1 100 Continue\r\n\r\n', true],
  ['says to go on, and no more', 'HTTP/1.1 100 Continue\r\n\r\n', false],
  ['closes without a word', '', true],
  ['closes after half a line', 'HTTP/1.1 20', true],
  ['closes within its headers', 'HTTP/1.1 200 OK\r\ncontent-le', true],
  ['closes within a body that is counted', 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{}', true],
  ['closes within a body in chunks', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nab', true],
  ['never ends its headers', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(10)}`, false],
  ['has headers without end', `HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(20_000)}`, false],
  ['has two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab', false],
  ['has a length that is none', 'HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n', false],
  ['never ends its body', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n', false],
])('a server that %s leaves no request open', async (_, words, closes) => {
  const { port } = await listening(
    createTcpServer((socket) => {
      closing.unshift(async () => socket.destroy())
      socket.on('error', () => {})
      socket.once('data', () => void (closes ? socket.end(words) : socket.write(words)))
    }),
  )

  const failure = await failureOf(fetchJson(500)(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'Hello' }))

  expect(failure.mayHaveArrived).toBe(true)
})

test('a request that cannot be made at all is a bug, not an answer', async () => {
  await expect(fetchJson()('no URL', { method: 'POST' })).rejects.toThrow(TypeError)
  await expect(fetchJson()('http://127.0.0.1:9/', { method: 'POST', headers: { 'x-name': 'a\nb' } })).rejects.toThrow(
    TypeError,
  )
})

test('after a failure the next request gets its answer', async () => {
  let count = 0
  const url = await serve((request, response) => {
    if (count++ === 0) request.socket.resetAndDestroy()
    else response.end('{"count":1}')
  })
  const fetch = fetchJson()
  await failureOf(fetch(url, { method: 'POST' }))

  expect(await fetch(url, { method: 'POST' })).toMatchObject({ json: { count: 1 } })
})

test('an error says where the request went, and nothing of what was in it', async () => {
  const url = await serve((request) => request.socket.resetAndDestroy())
  const headers = { authorization: 'Bearer hunter2' }

  const failure = await failureOf(fetchJson()(`${url}/hunter2?hunter2`, { method: 'POST', headers, body: 'hunter2' }))

  expect(`${failure.message} ${failure.cause}`).not.toContain('hunter2')
})

const fetchJson = (timeout = 5000) => createFetchJson({ timeout })

async function failureOf(answer: Promise<unknown>) {
  const failure = await answer.then(
    () => undefined,
    (error: unknown) => error,
  )
  expect(failure).toBeInstanceOf(NoAnswer)
  return failure as NoAnswer
}

async function serve(listener: RequestListener) {
  const { port } = await listening(createServer(listener))
  return `http://127.0.0.1:${port}`
}

async function listening(server: Server | TcpServer) {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  closing.push(
    () =>
      new Promise((resolve) => {
        server.close(resolve)
        if ('closeAllConnections' in server) server.closeAllConnections()
      }),
  )
  return server.address() as AddressInfo
}
