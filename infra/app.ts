import { PropsError } from './relay/prop-kinds.ts'
import { createRelayApp } from './relay-app.ts'
import { SettingsError } from './settings.ts'

try {
  createRelayApp()
} catch (error) {
  // Whoever deploys has to change a setting; where in the code that was found out is nothing to them.
  if (!(error instanceof SettingsError || error instanceof PropsError)) throw error
  console.error(error.message)
  process.exit(1)
}
