/** An amount of money: a whole number of euro cents. */
export type Cents = number

/** A rate: a hundredth of a per cent, so that 7 % is 700 and 13.5 % is 1350. */
export type BasisPoints = number

const WHOLE = 10_000

/**
 * A part of an amount that is not negative, rounded half up to a whole cent.
 *
 * @example partOf(999, 1900) // 190, of 189.81
 */
export function partOf(amount: Cents, rate: BasisPoints): Cents {
  return Math.floor((amount * rate + WHOLE / 2) / WHOLE)
}

/**
 * The tax that a gross amount contains, rounded half up to a whole cent; the rest is the net amount, so net plus tax is
 * the gross amount, always.
 *
 * @example taxWithin(1190, 1900) // 190
 */
export function taxWithin(gross: Cents, rate: BasisPoints): Cents {
  const divisor = WHOLE + rate
  return Math.floor((2 * gross * rate + divisor) / (2 * divisor))
}

/**
 * Splits an amount in proportion to weights, in whole cents, without losing one: shares are rounded down, and the cents
 * left over go to those who lost most by it, the first among equals. Weights of 0 get nothing.
 *
 * @example allocate(100, [1, 1, 1]) // [34, 33, 33]
 */
export function allocate(amount: Cents, weights: readonly number[]): Cents[] {
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (sum === 0 || amount === 0) return weights.map(() => 0)
  const shares = weights.map((weight) => Math.floor((amount * weight) / sum))
  const left = amount - shares.reduce((total, share) => total + share, 0)
  const losses = weights.map((weight, index) => ({ index, loss: (amount * weight) % sum }))
  losses.sort((a, b) => b.loss - a.loss || a.index - b.index)
  for (const { index } of losses.slice(0, left)) shares[index] = (shares[index] ?? 0) + 1
  return shares
}
