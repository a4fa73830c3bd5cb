import * as z from 'zod'

/** The HubSpot app's own secret: its client id and its client secrets, the current one first and, while rotating, the previous. */
export const AppSecret = z.object({
  clientId: z.string().min(1),
  clientSecrets: z.tuple([z.string().min(1)], z.string().min(1)),
})
export type AppSecret = z.infer<typeof AppSecret>
