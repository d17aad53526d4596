import { type BasisPoints, type Cents, partOf } from './money.ts'

/** A promise of a lower price for the meals of a box; fees are never reduced. */
export interface Voucher {
  readonly code: string
  readonly reduction:
    | { readonly kind: 'share'; readonly share: BasisPoints; readonly atMostCents: Cents }
    | { readonly kind: 'amount'; readonly cents: Cents }
  /** What the meals of the box must cost at least. */
  readonly minimumCents: Cents
  readonly isForFirstOrder: boolean
  /** Instants in milliseconds since the Unix epoch: from the first, until before the second. */
  readonly valid: { readonly fromMs: number; readonly untilMs: number }
}

/** What a voucher needs to know of the order it is used for. */
export interface VoucherUse {
  readonly mealsCents: Cents
  readonly isFirstOrder: boolean
  readonly nowMs: number
}

export type VoucherRefusal = 'unknown' | 'not yet valid' | 'expired' | 'first order only' | 'below the minimum'

const ALWAYS = { fromMs: Date.UTC(2024, 0, 1), untilMs: Date.UTC(2100, 0, 1) }

/** The vouchers that ByteBites gives out. */
export const VOUCHERS: readonly Voucher[] = [
  {
    code: 'WELCOME40',
    reduction: { kind: 'share', share: 4000, atMostCents: 4000 },
    minimumCents: 0,
    isForFirstOrder: true,
    valid: ALWAYS,
  },
  {
    code: 'FRIEND10',
    reduction: { kind: 'amount', cents: 1000 },
    minimumCents: 4000,
    isForFirstOrder: false,
    valid: ALWAYS,
  },
  {
    code: 'SUMMER15',
    reduction: { kind: 'share', share: 1500, atMostCents: 2000 },
    minimumCents: 3000,
    isForFirstOrder: false,
    valid: { fromMs: Date.UTC(2026, 5, 1), untilMs: Date.UTC(2026, 8, 1) },
  },
]

/** Looks a voucher up, whatever the case it is written in. */
export function voucherOf(code: string): Voucher | undefined {
  const wanted = code.trim().toUpperCase()
  return VOUCHERS.find((voucher) => voucher.code === wanted)
}

/** Why a voucher can't be used for an order; undefined if it can. */
export function voucherRefusal(voucher: Voucher | undefined, use: VoucherUse): VoucherRefusal | undefined {
  if (voucher === undefined) return 'unknown'
  if (use.nowMs < voucher.valid.fromMs) return 'not yet valid'
  if (use.nowMs >= voucher.valid.untilMs) return 'expired'
  if (voucher.isForFirstOrder && !use.isFirstOrder) return 'first order only'
  if (use.mealsCents < voucher.minimumCents) return 'below the minimum'
  return undefined
}

/** What a voucher takes off the price of the meals: never more than they cost. */
export function reductionOf(voucher: Voucher, mealsCents: Cents): Cents {
  const { reduction } = voucher
  const wanted =
    reduction.kind === 'amount' ? reduction.cents : Math.min(reduction.atMostCents, partOf(mealsCents, reduction.share))
  return Math.min(wanted, mealsCents)
}
