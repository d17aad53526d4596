import { randomBytes, scrypt, scryptSync, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'

/**
 * Cost of the key derivation (RFC 7914): N = 512, so a sign-in costs about a millisecond and the example breaks where
 * its story says. A real service takes N = 131,072 and gives sign-in machines of its own.
 */
const COST = { N: 512, r: 8, p: 1 } as const
const KEY_BYTES = 32

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number }, Buffer>(scrypt)

/** What is stored in place of a password: parameters, salt and key, so that the cost can rise without a migration. */
export function hashPassword(password: string, salt: Buffer = randomBytes(16)): string {
  const key = scryptSync(password, salt, KEY_BYTES, COST)
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join(':')
}

/** Whether a password is the one that was hashed. Takes as long whether it is or not; false for a hash it can't read. */
export async function isPassword(password: string, stored: string): Promise<boolean> {
  const [scheme, N, r, p, salt, key] = stored.split(':')
  if (scheme !== 'scrypt' || salt === undefined || key === undefined) return false
  const expected = Buffer.from(key, 'base64url')
  const cost = { N: Number(N), r: Number(r), p: Number(p) }
  const actual = await derive(password, Buffer.from(salt, 'base64url'), expected.length, cost)
  return timingSafeEqual(actual, expected)
}
