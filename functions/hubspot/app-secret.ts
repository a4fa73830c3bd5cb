import * as z from 'zod'
import { pasted } from '../platform/pasted.ts'
import { withRotatedSecret } from '../platform/rotated-secret.ts'

// Pasted text may end in a space or a line break, which would break every signature.
const Pasted = pasted()
  .min(1)
  .refine((text) => /^[\x21-\x7e]*$/.test(text), 'has a space, or another sign that HubSpot gives none')

/** The HubSpot app's own secret: its client id and its client secrets, the current one first and, while rotating, the previous. */
export const AppSecret = z.object({
  clientId: Pasted,
  clientSecrets: z.tuple([Pasted], Pasted),
})
export type AppSecret = z.infer<typeof AppSecret>

/** Reads the app's secret; `fresh` asks for it again. */
export type ReadAppSecret = (options?: { fresh?: boolean }) => Promise<AppSecret>

/** Asks HubSpot as the app; if the app is rejected, once more where its secret was rotated since it was read. */
export function askAsApp<Answer extends { kind: string }>(
  appSecret: ReadAppSecret,
  ask: (app: AppSecret) => Promise<Answer>,
) {
  return withRotatedSecret(appSecret, ask, {
    isWrong: ({ kind }) => kind === 'rejected',
    isSame: (one, other) => one.clientSecrets[0] === other.clientSecrets[0],
  })
}
