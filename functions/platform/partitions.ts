import type { Service } from './aws-json.ts'

/** Where a service of AWS's is in a region. `fips` and `dualStack` as in AWS's own settings. */
export function endpointOf(service: Service, region: string, { fips = false, dualStack = false } = {}) {
  const [, domain, dualStackDomain] = partitions.find(([regions]) => regions.test(region))!
  const isSecretsManager = service === 'secretsmanager'
  // Its usual endpoints speak IPv6 as well, in AWS's older partitions.
  const isDualAnyway = domain === 'amazonaws.com' || (domain === 'amazonaws.com.cn' && !fips)
  const ofDualStack = dualStack && !(isSecretsManager && isDualAnyway)
  // In GovCloud, the usual endpoints of the others are FIPS.
  const ofFips = fips && (isSecretsManager || dualStack || !region.startsWith('us-gov-'))
  return `https://${service}${ofFips ? '-fips' : ''}.${region}.${ofDualStack ? dualStackDomain : domain}`
}

const partitions: [RegExp, string, string][] = [
  [/^cn-/, 'amazonaws.com.cn', 'api.amazonwebservices.com.cn'],
  [/^us-iso-/, 'c2s.ic.gov', 'api.aws.ic.gov'],
  [/^us-isob-/, 'sc2s.sgov.gov', 'api.aws.scloud'],
  [/^us-isof-/, 'csp.hci.ic.gov', 'api.aws.hci.ic.gov'],
  [/^eu-isoe-/, 'cloud.adc-e.uk', 'api.cloud-aws.adc-e.uk'],
  [/^eusc-/, 'amazonaws.eu', 'api.amazonwebservices.eu'],
  [/./, 'amazonaws.com', 'api.aws'],
]
