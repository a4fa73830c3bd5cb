import * as z from 'zod'

/** A text that people paste: spaces, line breaks and a byte order mark around it are no part of it. */
export const pasted = () => z.string().trim()
