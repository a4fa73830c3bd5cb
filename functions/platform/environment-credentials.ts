/**
 * Takes the place of the SDK's `@aws-sdk/credential-provider-node` in the bundles: Lambda always hands a function's
 * credentials over in its environment, and the SDK's chain of ways to find them elsewhere costs 40 kB (gzip) a function.
 */
export const defaultProvider = () => async () => ({
  accessKeyId: required('AWS_ACCESS_KEY_ID'),
  secretAccessKey: required('AWS_SECRET_ACCESS_KEY'),
  sessionToken: process.env['AWS_SESSION_TOKEN'],
})

function required(name: string) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not in the environment, where Lambda puts it`)
  return value
}
