import {
  GetSecretValueCommand,
  ResourceNotFoundException,
  type SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager'
import type { SecretStore } from './fetch-secret.ts'

/** Secrets Manager, where the app's own secrets are. */
export const inSecretsManager =
  (client: SecretsManagerClient): SecretStore =>
  async (SecretId) => {
    try {
      const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId }))
      return SecretString ?? ''
    } catch (error) {
      if (error instanceof ResourceNotFoundException) return undefined
      throw error
    }
  }
