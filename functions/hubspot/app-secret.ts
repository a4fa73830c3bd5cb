import * as z from 'zod'

/** The HubSpot app's own secret: its client id and its client secrets, the current one first and, while rotating, the previous. */
export const AppSecret = z.object({
  clientId: z.string().min(1),
  clientSecrets: z.tuple([z.string().min(1)], z.string().min(1)),
})
export type AppSecret = z.infer<typeof AppSecret>

/** Reads the app's secret; `fresh` asks for it anew. */
export type ReadAppSecret = (options?: { fresh?: boolean }) => Promise<AppSecret>

/** Asks HubSpot as the app; where the app is refused, once more if its secret was rotated since it was read. */
export async function askAsApp<Answer extends { kind: string }>(
  appSecret: ReadAppSecret,
  ask: (app: AppSecret) => Promise<Answer>,
) {
  const app = await appSecret()
  const answer = await ask(app)
  if (answer.kind !== 'refused') return answer
  const latest = await appSecret({ fresh: true })
  return latest.clientSecrets[0] === app.clientSecrets[0] ? answer : ask(latest)
}
