import * as z from 'zod'

/** An id of HubSpot's that is a number in its documents: kept as a string, since it may exceed what a number holds. */
export const Digits = z.string().regex(/^\d{1,20}$/)

/** An id of somebody else's, as it came, if it can be part of a URL and of a key in DynamoDB. */
export const Id = z
  .string()
  .min(1)
  .max(512)
  .refine((id) => id.isWellFormed() && !/^\.{1,2}$/.test(id), 'unusable id')

/** Somebody who sends or receives a message. */
export const Party = z.object({
  actorId: z.string().optional(),
  name: z.string().optional(),
  deliveryIdentifier: z.object({ type: z.string().optional(), value: z.string() }).optional(),
})
export type Party = z.infer<typeof Party>
