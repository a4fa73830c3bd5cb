import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { randomToken, type State } from './state.ts'

/** HubSpot's consent page: whoever looks at it chooses an account, and allows the app what it asks for, or does not. */
export function consentPage(hubspot: State) {
  return async (app: FastifyInstance) => {
    for (const path of ['/oauth/authorize', '/oauth/:portalId/authorize'])
      app.get<ConsentRoute>(path, async (request, reply) => {
        const { answer, portal, ...asked } = request.query
        const problem = problemOf(hubspot, asked)
        if (problem)
          return reply
            .code(400)
            .type('text/html')
            .send(page('HubSpot (simulated)', [problem]))
        if (answer === undefined) return showChoice(hubspot, request, reply)
        const back = new URL(asked.redirect_uri!)
        const said = answer === 'allow' && portal ? { code: giveCode(hubspot, portal, asked) } : denied
        for (const [name, value] of Object.entries({ ...said, state: asked.state }))
          if (value !== undefined) back.searchParams.set(name, value)
        return reply.redirect(back.href)
      })
  }
}

type Asked = { client_id?: string; redirect_uri?: string; scope?: string; state?: string }
type ConsentRoute = { Params: { portalId?: string }; Querystring: Asked & { answer?: string; portal?: string } }

const denied = { error: 'access_denied', error_description: 'The user denied the consent' }

function problemOf({ clientId }: State, { client_id, redirect_uri, scope }: Asked) {
  if (client_id !== clientId) return 'There is no app with this client id.'
  if (!redirect_uri || !URL.canParse(redirect_uri)) return 'The redirect URL is none.'
  if (!scope) return 'The app asks for no scopes.'
}

/** A code for tokens: good once, and only with the redirect URL that came along. */
function giveCode({ codes }: State, portalId: string, { redirect_uri: redirectUri = '', scope = '' }: Asked) {
  const code = randomToken()
  codes.set(code, { portalId, redirectUri, scopes: scope.split(' ') })
  return code
}

function showChoice({ portals }: State, { params, query, url }: FastifyRequest<ConsentRoute>, reply: FastifyReply) {
  const accounts = params.portalId === undefined ? [...new Set([...portals.keys(), '1002'])] : [params.portalId]
  const link = (text: string, answer: Record<string, string>) =>
    `<a href="${escaped(`${url}&${new URLSearchParams(answer)}`)}">${escaped(text)}</a>`
  return reply
    .type('text/html')
    .send(
      page('Connect the app to HubSpot (simulated)', [
        `It asks for: ${escaped(query.scope ?? '')}`,
        ...accounts.map((portal) => link(`Connect account ${portal}`, { answer: 'allow', portal })),
        link('Cancel', { answer: 'deny' }),
      ]),
    )
}

const page = (title: string, lines: string[]) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${title}</title><main><h1>${title}</h1>${lines.map((line) => `<p>${line}</p>`).join('')}</main></html>`

const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
