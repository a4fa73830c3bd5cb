/** The name of a stage's relay: of its stack, and of the CloudWatch namespace of its metrics. */
export const relayName = (stage?: string) => (stage ? `HubSpotStatusRelay-${stage}` : 'HubSpotStatusRelay')
