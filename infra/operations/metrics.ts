/**
 * What the functions measure themselves, with the functions that do. `by` splits a metric by a dimension, of which it
 * says the values where they are known. What each means: docs/metrics.md.
 */
export const metrics = {
  MessagesAccepted: { of: ['hubspot-webhook'], unit: 'Count' },
  ChannelAccountEvents: { of: ['hubspot-webhook'], unit: 'Count' },
  UnknownEvents: { of: ['hubspot-webhook'], unit: 'Count', by: { type: [] } },
  UnexpectedFields: {
    of: ['hubspot-webhook'],
    unit: 'Count',
    // Their names: `eventFields` in functions/hubspot/event-fields.ts.
    by: { field: [] },
  },
  MessagesUndeliverable: { of: ['hubspot-webhook'], unit: 'Count' },
  UnreadableEvents: { of: ['hubspot-webhook'], unit: 'Count' },
  WebhooksRejected: {
    of: ['hubspot-webhook'],
    unit: 'Count',
    by: { reason: ['unsigned', 'old version', 'stale', 'mismatch'] },
  },
  VerifiedByPreviousSecret: { of: ['hubspot-webhook'], unit: 'Count' },
  RequestsFailed: { of: ['hubspot-webhook', 'provider-receipt', 'oauth-install'], unit: 'Count' },

  DeliveriesSent: { of: ['deliver-message'], unit: 'Count', by: { channelId: [] } },
  DeliveriesRejected: { of: ['deliver-message'], unit: 'Count', by: { channelId: [] } },
  DeliveriesInDoubt: { of: ['deliver-message'], unit: 'Count', by: { channelId: [] } },

  AccountErrors: { of: ['deliver-message', 'provider-receipt'], unit: 'Count' },
  UnknownCodes: { of: ['deliver-message', 'provider-receipt'], unit: 'Count', by: { code: [] } },
  AnnouncedAgain: { of: ['deliver-message', 'update-status'], unit: 'Count' },
  CallsUnanswered: { of: ['deliver-message'], unit: 'Count' },
  LookUpsFound: { of: ['deliver-message'], unit: 'Count' },

  ReceiptsAccepted: { of: ['provider-receipt'], unit: 'Count' },
  ReceiptsIgnored: { of: ['provider-receipt'], unit: 'Count' },
  ReceiptFieldsUnknown: { of: ['provider-receipt'], unit: 'Count' },
  ReceiptsRejected: {
    of: ['provider-receipt'],
    unit: 'Count',
    by: { reason: ['unknown', 'signature', 'unreadable'] },
  },
  ReceiptsByCurrentSecret: { of: ['provider-receipt'], unit: 'Count', by: { account: [] } },
  ReceiptsByPreviousSecret: { of: ['provider-receipt'], unit: 'Count', by: { account: [] } },
  EntriesHandedOn: { of: ['provider-receipt'], unit: 'Count' },
  EntriesNotHandedOn: { of: ['provider-receipt'], unit: 'Count' },
  HandedOn: { of: ['hand-on'], unit: 'Count' },

  UnexpectedUpdateFields: {
    of: ['update-status', 'provider-receipt'],
    unit: 'Count',
    // Their names: `repairable` in functions/messages/update-repair.ts; and `unknown`.
    by: { field: [] },
  },
  ToldSENT: { of: ['update-status'], unit: 'Count' },
  ToldFAILED: { of: ['update-status'], unit: 'Count' },
  ToldREAD: { of: ['update-status'], unit: 'Count' },
  TimeToTruthSENT: { of: ['update-status'], unit: 'Milliseconds' },
  TimeToTruthFAILED: { of: ['update-status'], unit: 'Milliseconds' },
  TimeToTruthREAD: { of: ['update-status'], unit: 'Milliseconds' },
  TellingDelay: { of: ['update-status'], unit: 'Milliseconds' },
  ToldAgain: { of: ['update-status'], unit: 'Count' },
  CorrectionsRejected: { of: ['update-status'], unit: 'Count' },
  ReasonsRejected: { of: ['update-status'], unit: 'Count' },
  SystematicRejections: { of: ['update-status'], unit: 'Count' },
  HeldOtherwise: { of: ['update-status'], unit: 'Count' },
  UpdatesDuplicate: { of: ['update-status'], unit: 'Count' },
  UpdatesSuperseded: { of: ['update-status'], unit: 'Count' },
  UpdatesCoalesced: { of: ['update-status'], unit: 'Count' },
  ReceiptsMissing: { of: ['update-status'], unit: 'Count', by: { account: [] } },
  UpdatesIgnored: { of: ['update-status'], unit: 'Count' },
  UpdatesUnauthorized: { of: ['update-status'], unit: 'Count' },
  RateLimited: { of: ['update-status'], unit: 'Count' },
  Deferred: { of: ['update-status'], unit: 'Count' },
  AccessDenied: { of: ['update-status'], unit: 'Count' },
  PortalsRevoked: { of: ['update-status'], unit: 'Count' },
  TokenRefreshesFailed: { of: ['update-status'], unit: 'Count' },
  StaleSecretsServed: {
    of: ['hubspot-webhook', 'deliver-message', 'provider-receipt', 'update-status', 'hand-on', 'oauth-install'],
    unit: 'Count',
  },
  InstallsBegun: { of: ['oauth-install'], unit: 'Count' },
  InstallsFailed: {
    of: ['oauth-install'],
    unit: 'Count',
    by: {
      reason: ['denied', 'forged', 'expired', 'replayed', 'malformed', 'misconfigured', 'scopes missing', 'failed'],
    },
  },
  PortalsInstalled: { of: ['oauth-install'], unit: 'Count' },
  PortalsReinstalled: { of: ['oauth-install'], unit: 'Count' },
  DeliveriesDisconnected: { of: ['deliver-message'], unit: 'Count' },
  EventsPublished: { of: ['publish-events'], unit: 'Count' },

  CopiesEnded: { of: ['deliver-message', 'update-status'], unit: 'Count' },
  WrittenByNewerVersion: { of: ['deliver-message', 'update-status', 'hand-on'], unit: 'Count' },
  Waiting: { of: ['deliver-message', 'update-status', 'hand-on'], unit: 'Count' },
  WaitedFor: { of: ['deliver-message', 'update-status', 'hand-on'], unit: 'Seconds' },
  DeadLettered: {
    of: ['deliver-message', 'update-status', 'hand-on'],
    unit: 'Count',
    by: { reason: ['unreadable', 'permanent', 'too late'] },
  },
} as const satisfies Record<string, { of: string[]; unit: string; by?: Record<string, string[]> }>
export type MetricName = keyof typeof metrics
