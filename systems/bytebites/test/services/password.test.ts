import { describe, expect, it } from 'vitest'
import { hashPassword, isPassword } from '../../services/password.ts'

describe('a password', () => {
  it('is recognised, and no other is', async () => {
    const stored = hashPassword('what is for dinner')
    expect(await isPassword('what is for dinner', stored)).toBe(true)
    expect(await isPassword('what is for dinner ', stored)).toBe(false)
    expect(await isPassword('', stored)).toBe(false)
  })

  it('is stored with a salt of its own and the cost it was derived with', () => {
    const stored = hashPassword('secret')
    expect(stored).toMatch(/^scrypt:512:8:1:[\w-]{22}:[\w-]{43}$/)
    expect(hashPassword('secret')).not.toBe(stored)
    expect(stored).not.toContain('secret')
  })

  it('is never the one of a hash that can not be read', async () => {
    expect(await isPassword('x', '')).toBe(false)
    expect(await isPassword('x', 'md5:abc')).toBe(false)
  })
})
