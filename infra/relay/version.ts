/** The version of this relay, as in package.json, which the deployed construct does not have beside it. */
export const relayVersion = '0.1.0'
