/** The domain of AWS's services in a region, which is its partition's. `dualStack` as in AWS's own settings. */
export function domainOf(region: string, { dualStack = false } = {}) {
  const [, domain, dualStackDomain] = partitions.find(([regions]) => regions.test(region))!
  return dualStack ? dualStackDomain : domain
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
