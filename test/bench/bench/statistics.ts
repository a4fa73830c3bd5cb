/** The middle one; of an even number, the lower of the two. */
export function median(values: number[]) {
  return quantile(values, 0.5)
}

/** The value that a share of the values does not exceed. */
export function quantile(values: number[], share: number) {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** The median of the ratios of two that were measured in the same rounds, and half the range of their middle half. */
export function pairedRatio(numerators: number[], denominators: number[]) {
  const ratios = numerators.map((value, index) => value / denominators[index]!)
  return { ratio: median(ratios), noise: (quantile(ratios, 0.75) - quantile(ratios, 0.25)) / 2 }
}
