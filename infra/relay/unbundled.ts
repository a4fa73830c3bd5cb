/**
 * Takes the place, in the bundles, of what libraries import and no request here comes past: bundle.ts says of which
 * modules, functions/platform/sdk-clients.ts and idempotent.ts why. A third of each function, by size, and half of what a
 * call of SQS cost.
 * Nothing in here stands in for a step that is needed: what would do something throws, and a name that a library comes to
 * import, and that is missing here, fails the build.
 */
class Unreached {
  constructor() {
    throw new Error('A part of a library was left out of the bundle: infra/relay/bundle.ts')
  }

  /** The SDK hands over the request handler that it was given. */
  static create(given: unknown) {
    return given
  }
}

const unreached = () => new Unreached()

// Made, or asked, only on the SDK's own way of a request, or where an option is left at its default, and none is.
export {
  Unreached as HttpRequest,
  Unreached as Md5,
  Unreached as NodeHttpHandler,
  Unreached as Sha256,
  Unreached as SignatureV4,
  unreached as awsEndpointFunctions,
  unreached as calculateBodyLength,
  unreached as decideEndpoint,
  unreached as fromBase64,
  unreached as fromUtf8,
  unreached as parseUrl,
  unreached as requestBuilder,
  unreached as search,
  unreached as streamCollector,
  unreached as toBase64,
  unreached as toEndpointV1,
  unreached as toUtf8,
}

/** Made once, and asked for nothing: the SDK's endpoints, signer, protocol and schemas, and JMESPath's functions. */
class Unasked {
  registerError() {}
}

export const BinaryDecisionDiagram = { from() {} }
export const NormalizedSchema = { of: () => ({ getEventStreamMember() {} }) }
export const customEndpointFunctions = {}
export {
  Unasked as AwsJson1_0Protocol,
  Unasked as AwsJson1_1Protocol,
  Unasked as AwsSdkSigV4Signer,
  Unasked as EndpointCache,
  Unasked as PowertoolsFunctions,
  Unasked as TypeRegistry,
}

/** A step on the SDK's own way of a request. */
const noStep = () => ({ applyToStack() {} })

export {
  noStep as getContentLengthPlugin,
  noStep as getEndpointPlugin,
  noStep as getHostHeaderPlugin,
  noStep as getLoggerPlugin,
  noStep as getLongPollPlugin,
  noStep as getRecursionDetectionPlugin,
  noStep as getRetryPlugin,
  noStep as getSchemaSerdePlugin,
  noStep as getUserAgentPlugin,
}

/** What the steps are set by: a configuration as it was given, and no look at files and the environment for the rest. */
const asGiven = (given?: unknown) => given
const nothing = () => undefined

export {
  asGiven as getAwsRegionExtensionConfiguration,
  asGiven as getHttpHandlerExtensionConfiguration,
  asGiven as resolveAwsRegionExtensionConfiguration,
  asGiven as resolveAwsSdkSigV4Config,
  asGiven as resolveDefaultsModeConfig,
  asGiven as resolveEndpointConfig,
  asGiven as resolveHostHeaderConfig,
  asGiven as resolveHttpHandlerRuntimeConfig,
  asGiven as resolveRegionConfig,
  asGiven as resolveRetryConfig,
  asGiven as resolveUserAgentConfig,
  nothing as createDefaultUserAgentProvider,
  nothing as DEFAULT_RETRY_MODE,
  nothing as emitWarningIfUnsupportedVersion,
  nothing as getDefaultSocketTimeout,
  nothing as loadConfig,
  nothing as NODE_APP_ID_CONFIG_OPTIONS,
  nothing as NODE_AUTH_SCHEME_PREFERENCE_OPTIONS,
  nothing as NODE_MAX_ATTEMPT_CONFIG_OPTIONS,
  nothing as NODE_REGION_CONFIG_FILE_OPTIONS,
  nothing as NODE_REGION_CONFIG_OPTIONS,
  nothing as NODE_RETRY_MODE_CONFIG_OPTIONS,
  nothing as NODE_USE_DUALSTACK_ENDPOINT_CONFIG_OPTIONS,
  nothing as NODE_USE_FIPS_ENDPOINT_CONFIG_OPTIONS,
}

// What the SDK's check of a digest is made with, in Node's words.
export const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
export const toUint8Array = (text: string) => Buffer.from(text)
