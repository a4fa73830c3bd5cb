/** A customer's `wa_id`: the digits of a phone number in international form. */
export const isWhatsAppId = (value: string) => /^[1-9]\d{6,14}$/.test(value)

/**
 * A customer's business-scoped user id, which a business may know in place of the number: `US.13491208655302741918`, or with
 * `ENT.` where the businesses of an enterprise share it.
 */
export const isWhatsAppUserId = (value: string) => /^[A-Z]{2}\.(?:ENT\.)?[A-Za-z\d]{1,128}$/.test(value)
