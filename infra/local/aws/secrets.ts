import { randomInt, randomUUID } from 'node:crypto'
import * as z from 'zod'
import { type Emulator, errorAnswer } from './aws.ts'

/** The properties of `AWS::SecretsManager::Secret` that are run. */
export const SecretProperties = z.object({
  SecretString: z.string().optional(),
  GenerateSecretString: z
    .object({
      SecretStringTemplate: z.string().optional(),
      GenerateStringKey: z.string().optional(),
      PasswordLength: z.number().default(32),
      ExcludePunctuation: z.boolean().default(false),
    })
    .optional(),
})

/** The value that a secret of the template starts with, generated where the template asks for that. */
export function initialValue({ SecretString, GenerateSecretString }: z.infer<typeof SecretProperties>) {
  const {
    SecretStringTemplate,
    GenerateStringKey,
    PasswordLength = 32,
    ExcludePunctuation,
  } = GenerateSecretString ?? {}
  const signs = ExcludePunctuation ? lettersAndDigits : `${lettersAndDigits}!#$%&()*+,-./:;<=>?@[]^_{|}~`
  const generated = Array.from({ length: PasswordLength }, () => signs[randomInt(signs.length)]).join('')
  if (SecretString !== undefined) return SecretString
  if (SecretStringTemplate === undefined || GenerateStringKey === undefined) return generated
  return JSON.stringify({ ...JSON.parse(SecretStringTemplate), [GenerateStringKey]: generated })
}

const lettersAndDigits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** Secrets Manager in memory: GetSecretValue, CreateSecret, PutSecretValue, and ListSecrets by the beginning of their names. `onChange` is told of each that is set. */
export function createSecretsManager(arnOf: (name: string) => string, onChange: () => void = () => {}) {
  const secrets = new Map<string, { value: string; versionId: string; createdAt: number }>()

  /** Gives the secret of this name a value; creates it where there is none. */
  function put(name: string, value: string) {
    secrets.set(name, { value, versionId: randomUUID(), createdAt: Date.now() / 1000 })
  }

  const emulate: Emulator = async ({ operation, body }) => {
    const { SecretId, Name, SecretString = '', Filters } = Input.parse(JSON.parse(body))
    if (operation === 'ListSecrets') {
      const isMeant = (name: string) => Filters.every(({ Values }) => Values.some((value) => name.startsWith(value)))
      const SecretList = [...secrets.keys()].filter(isMeant).map((Name) => ({ Name, ARN: arnOf(Name) }))
      return { statusCode: 200, body: JSON.stringify({ SecretList }) }
    }
    // A secret goes by its name or by its ARN.
    const name = Name ?? [...secrets.keys()].find((known) => known === SecretId || arnOf(known) === SecretId)
    const exists = name !== undefined && secrets.has(name)

    if (!operations.has(operation)) return refused('UnknownOperationException', operation)
    if (operation === 'CreateSecret' && exists) return refused('ResourceExistsException', 'The secret already exists.')
    if (operation !== 'CreateSecret' && !exists)
      return refused('ResourceNotFoundException', "Secrets Manager can't find the specified secret.")
    if (operation !== 'GetSecretValue') {
      put(name!, SecretString)
      onChange()
    }

    const { value, versionId, createdAt } = secrets.get(name!)!
    const version = { ARN: arnOf(name!), Name: name, VersionId: versionId, VersionStages: ['AWSCURRENT'] }
    const read = operation === 'GetSecretValue' ? { SecretString: value, CreatedDate: createdAt } : {}
    return { statusCode: 200, body: JSON.stringify({ ...version, ...read }) }
  }

  return { emulate, put, remove: (name: string) => void secrets.delete(name) }
}

const operations = new Set(['GetSecretValue', 'CreateSecret', 'PutSecretValue'])
const Input = z.object({
  SecretId: z.string().optional(),
  Name: z.string().optional(),
  SecretString: z.string().optional(),
  Filters: z.array(z.object({ Key: z.literal('name'), Values: z.array(z.string()) })).default([]),
})
const refused = (error: string, message: string) => errorAnswer({ error, statusCode: 400 }, message)
