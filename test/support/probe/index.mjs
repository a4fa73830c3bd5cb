// Each function does what its event tells it to.

/** Answers with the event and its surroundings. */
export const echo = async (event, context) => ({
  statusCode: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ event, context, environment: process.env, remainingMs: context.getRemainingTimeInMillis() }),
})

/** Returns the body's JSON. */
export const answer = async ({ body }) => JSON.parse(body)

/** Does one of the things that a function should not. */
export const obey = async ({ body }) => {
  if (body === 'throw') throw new TypeError('on purpose')
  if (body === 'exit') process.exit(3)
  if (body === 'hang') await forever()
  console.log(`obeyed: ${body}`)
  return { statusCode: 204 }
}

/** Works off a batch: a message that says `fail` fails each time, the other words act up the first time only. */
export const work = async ({ Records }) => {
  console.log(JSON.stringify(Records))
  const words = Records.filter(({ attributes }) => attributes.ApproximateReceiveCount === '1').map(({ body }) => body)
  if (words.includes('nap')) await new Promise((resolve) => setTimeout(resolve, 300))
  if (words.includes('hang')) await forever()
  if (words.includes('crash')) process.exit(1)
  if (words.includes('name another')) return { batchItemFailures: [{ itemIdentifier: 'another' }] }
  const failed = Records.filter(({ body }) => body === 'fail')
  return { batchItemFailures: failed.map(({ messageId }) => ({ itemIdentifier: messageId })) }
}

/** Not a function: never gets as far as an invocation. */
export const broken = 'broken'

const forever = () => new Promise(() => setInterval(() => {}, 60_000))
