import { type Scenario, scenarios } from './demo/scenarios.ts'
import { statusesOnly } from './demo/statuses-only.ts'
import { teamRole } from './team.ts'

/** The forms of the relay: the settings that make each, and the scenarios that show it at work. */
export const forms = {
  full: { settings: { delivery: true, receipts: true, install: true }, scenarios },
  /** The team delivers by its own means and sends statuses, over SQS or over HTTP. */
  'statuses-only': {
    settings: { delivery: false, receipts: true, install: true, statusSenderArns: [teamRole] },
    scenarios: statusesOnly,
  },
  /** The same without HTTP: one route, one queue, two functions. */
  smallest: {
    settings: { delivery: false, receipts: false, install: false, statusSenderArns: [teamRole] },
    scenarios: statusesOnly.filter(({ statuses = [] }) => statuses.every(({ over }) => over === 'SQS')),
  },
} satisfies Record<string, { settings: Record<string, unknown>; scenarios: Scenario[] }>

/** A form's name. */
export type Form = keyof typeof forms

/** What `--form` may say. */
export const formNames = Object.keys(forms) as Form[]
