import { createRelayApp } from './relay-app.ts'

createRelayApp()
