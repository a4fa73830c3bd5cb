import type { SecretStore } from './fetch-secret.ts'

/** Secrets Manager's operation of this name. */
export type GetSecretValue = (input: { SecretId: string }) => Promise<{ SecretString?: string | undefined }>

/** Secrets Manager, where the app's own secrets are. */
export const inSecretsManager =
  (getSecretValue: GetSecretValue): SecretStore =>
  async (SecretId) => {
    try {
      const { SecretString } = await getSecretValue({ SecretId })
      return SecretString ?? ''
    } catch (error) {
      if (error instanceof Error && error.name === 'ResourceNotFoundException') return undefined
      throw error
    }
  }
