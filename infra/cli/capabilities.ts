import * as z from 'zod'

const upperCase = z.string().regex(/^[A-Z][A-Z_]*$/, 'must be words like HYPERLINK')
const mimeType = z.string().regex(/^[a-z]+\/[\w.+*-]+$/, 'must be like image/png or image/*')
const bytes = z.int().nonnegative()

/**
 * What a custom channel can do, as HubSpot's guide lists it. HubSpot answers what is wrong without saying what, so it is
 * looked at before. A channel that takes no outgoing messages would be of no use here.
 */
export const Capabilities = z
  .strictObject({
    threadingModel: z.enum(['INTEGRATION_THREAD_ID', 'DELIVERY_IDENTIFIER']).default('DELIVERY_IDENTIFIER'),
    deliveryIdentifierTypes: z
      .array(z.enum(['HS_PHONE_NUMBER', 'HS_EMAIL_ADDRESS', 'HS_SHORT_CODE', 'CHANNEL_SPECIFIC_OPAQUE_ID']))
      .min(1)
      .default(['HS_PHONE_NUMBER']),
    richText: z.array(upperCase).default([]),
    allowInlineImages: z.boolean().default(false),
    allowOutgoingMessages: z.literal(true).default(true),
    allowConversationStart: z.boolean().default(true),
    allowMultipleRecipients: z.boolean().default(false),
    outgoingAttachmentTypes: z.array(z.enum(['FILE', 'QUICK_REPLIES'])).default([]),
    allowedFileAttachmentMimeTypes: z.array(mimeType).default([]),
    maxFileAttachmentCount: z.int().nonnegative().default(0),
    maxFileAttachmentSizeBytes: bytes.default(0),
    maxTotalFileAttachmentSizeBytes: bytes.default(0),
  })
  .refine(
    ({ outgoingAttachmentTypes, allowedFileAttachmentMimeTypes, maxFileAttachmentCount, maxFileAttachmentSizeBytes }) =>
      outgoingAttachmentTypes.includes('FILE') ===
      (allowedFileAttachmentMimeTypes.length > 0 && maxFileAttachmentCount > 0 && maxFileAttachmentSizeBytes > 0),
    'files need all of outgoingAttachmentTypes FILE, MIME types, a count and a size, or none of them',
  )
  .refine(
    ({ maxFileAttachmentSizeBytes, maxTotalFileAttachmentSizeBytes }) =>
      maxTotalFileAttachmentSizeBytes >= maxFileAttachmentSizeBytes,
    'maxTotalFileAttachmentSizeBytes must not be less than maxFileAttachmentSizeBytes',
  )
