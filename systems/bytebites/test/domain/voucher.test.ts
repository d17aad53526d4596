import { describe, expect, it } from 'vitest'
import { reductionOf, type VoucherUse, voucherOf, voucherRefusal } from '../../domain/voucher.ts'

const use = (changes: Partial<VoucherUse> = {}): VoucherUse => ({
  mealsCents: 6000,
  isFirstOrder: false,
  nowMs: Date.UTC(2026, 6, 1),
  ...changes,
})

describe('a voucher', () => {
  it('is found whatever the case it is written in', () => {
    expect(voucherOf(' welcome40 ')?.code).toBe('WELCOME40')
    expect(voucherOf('NOTHING')).toBeUndefined()
  })

  it('is refused with the reason', () => {
    expect(voucherRefusal(undefined, use())).toBe('unknown')
    expect(voucherRefusal(voucherOf('WELCOME40'), use())).toBe('first order only')
    expect(voucherRefusal(voucherOf('WELCOME40'), use({ isFirstOrder: true }))).toBeUndefined()
    expect(voucherRefusal(voucherOf('FRIEND10'), use({ mealsCents: 3999 }))).toBe('below the minimum')
    expect(voucherRefusal(voucherOf('FRIEND10'), use({ mealsCents: 4000 }))).toBeUndefined()
  })

  it('is valid from its first instant until before its last', () => {
    const summer = voucherOf('SUMMER15')
    expect(voucherRefusal(summer, use({ nowMs: Date.UTC(2026, 5, 1) - 1 }))).toBe('not yet valid')
    expect(voucherRefusal(summer, use({ nowMs: Date.UTC(2026, 5, 1) }))).toBeUndefined()
    expect(voucherRefusal(summer, use({ nowMs: Date.UTC(2026, 8, 1) - 1 }))).toBeUndefined()
    expect(voucherRefusal(summer, use({ nowMs: Date.UTC(2026, 8, 1) }))).toBe('expired')
  })

  it('takes off no more than it says and no more than there is', () => {
    const welcome = voucherOf('WELCOME40')!
    const friend = voucherOf('FRIEND10')!
    expect(reductionOf(welcome, 5000)).toBe(2000)
    expect(reductionOf(welcome, 20_000)).toBe(4000)
    expect(reductionOf(friend, 700)).toBe(700)
  })
})
