/** The name of a stage's stack in this repository's own app. */
export const relayName = (stage?: string) => (stage ? `HubSpotStatusRelay-${stage}` : 'HubSpotStatusRelay')
