import { mkdirSync, writeFileSync } from 'node:fs'
import { jsonSchemas, openApi } from './contract.ts'

// The contract for integrators, from the schemas that the functions read by.
const docs = new URL('../../docs/', import.meta.url)
const write = (name: string, document: object) =>
  writeFileSync(new URL(name, docs), `${JSON.stringify(document, undefined, 2)}\n`)

mkdirSync(new URL('schemas', docs), { recursive: true })
for (const [name, schema] of Object.entries(jsonSchemas())) write(`schemas/${name}.json`, schema)
write('openapi.json', openApi())
