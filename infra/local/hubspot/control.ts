import type { FastifyInstance } from 'fastify'
import * as z from 'zod'
import type { Actions } from './actions.ts'
import { Behaviour, Fault } from './behaviour.ts'
import { Signing, type State } from './state.ts'

/** The simulator's own JSON API, for a page or the command line: send messages, look at them, make HubSpot misbehave. */
export function controlApi(hubspot: State, actions: Actions) {
  return async (app: FastifyInstance) => {
    // JSON alone: a form on a foreign page cannot send that without asking first.
    app.removeContentTypeParser('text/plain')
    app.setErrorHandler((error, _request, reply) =>
      error instanceof z.ZodError ? reply.code(400).send({ message: z.prettifyError(error) }) : reply.send(error),
    )

    app.get('/messages', async () => [...hubspot.messages.values()])
    app.get<Id>('/messages/:id', async ({ params }, reply) => hubspot.messages.get(params.id) ?? reply.callNotFound())
    app.post('/messages', async ({ body }) => actions.sendMessage(NewMessage.parse(body)))
    app.post<Id>('/messages/:id/deliveries', async ({ params }, reply) =>
      hubspot.messages.get(params.id) ? { answered: await actions.deliverMessage(params.id) } : reply.callNotFound(),
    )
    app.post('/events', async ({ body }) => {
      const { event, ...options } = ForeignEvent.parse(body)
      return { answered: await actions.sendEvent(event, options) }
    })

    app.get('/calls', async () => hubspot.calls)

    app.get('/faults', async () => hubspot.faults)
    app.post('/faults', async ({ body }) => {
      hubspot.faults.push(Fault.parse(body))
      return hubspot.faults
    })
    app.delete('/faults', async () => hubspot.faults.splice(0))

    app.get('/behaviour', async () => hubspot.behaviour)
    app.patch('/behaviour', async ({ body }) => Object.assign(hubspot.behaviour, Behaviour.partial().parse(body)))
  }
}

type Id = { Params: { id: string } }

const NewMessage = z.strictObject({
  portalId: z.string(),
  channelId: z.string(),
  channelAccountId: z.string(),
  text: z.string(),
  to: z.array(z.string()).optional(),
  richText: z.string().optional(),
  times: z.int().nonnegative().optional(),
  signing: Signing.optional(),
  faults: z.array(Fault.omit({ messageId: true })).optional(),
})

const ForeignEvent = z.strictObject({
  event: z.unknown(),
  channelId: z.string(),
  signing: Signing.optional(),
})
