import * as z from 'zod'

/**
 * The setting `country` of an account, by ISO 3166-1 (`DE`): where its customers' numbers are at home that are written
 * without a country code. Without it, such a number is nobody's.
 */
export const Country = z
  .string()
  .regex(/^[A-Z]{2}$/, 'must be two capital letters, such as DE')
  .transform((code) => new Intl.Locale(`und-${code}`).region ?? code)
  .refine((code) => regions.of(code) !== undefined, 'there is no such country')
  .optional()

const regions = new Intl.DisplayNames('en', { type: 'region', fallback: 'none' })
