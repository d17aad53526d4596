import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { TenfoldError } from '../core/errors.ts'

/** A delivery as it came in: nothing of it is believed before its signature was checked. */
export interface Delivery {
  /** Names in lower case, as `node:http` gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  /** The bytes as they were sent: JSON that was read and written again is other bytes, with another signature. */
  readonly body: Uint8Array
}

/** How a sender signs what it delivers. */
export interface WebhookSignature {
  /** What is wrong with the delivery; undefined: the sender has signed it. */
  problemWith(delivery: Delivery, nowEpochMs: number): string | undefined
  /** What the sender calls this delivery, the same each time it tries again; undefined: it is in the body, if anywhere. */
  idOf?(delivery: Delivery): string | undefined
}

/** One secret, or several while they are replaced: what one of them has signed is right. */
export type Secrets = string | readonly string[]

/** The value of a header that is there once; undefined otherwise. */
export function headerOf({ headers }: Delivery, name: string): string | undefined {
  const value = headers[name]
  return typeof value === 'string' ? value : undefined
}

/** The secrets as a list without the empty ones, which would sign for everybody. @throws TF_OPTION_INVALID none is left */
export function secretList(secrets: Secrets): readonly string[] {
  const list = (typeof secrets === 'string' ? [secrets] : secrets).filter((secret) => secret !== '')
  if (list.length === 0) {
    throw new TenfoldError('TF_OPTION_INVALID', 'expected a secret of the webhook, got an empty one', {
      hint: 'set the variable that it comes from',
    })
  }
  return list
}

/** The signature of what was given, part after part. */
export function sign(algorithm: string, key: string | Uint8Array, ...parts: readonly (string | Uint8Array)[]): Buffer {
  const hmac = createHmac(algorithm, key)
  for (const part of parts) hmac.update(part)
  return hmac.digest()
}

/** Whether two texts are the same, in a time that says nothing about where they differ. */
export function isSame(one: string, other: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(one), digest(other))
}

/** What is wrong with the time at which a delivery was signed: one that somebody has kept is not taken later. */
export function problemWithTime(seconds: string, nowEpochMs: number, toleranceMs: number): string | undefined {
  if (!/^\d{1,12}$/.test(seconds)) return 'the time of the signature is no number of seconds'
  if (Math.abs(nowEpochMs - Number(seconds) * 1_000) > toleranceMs)
    return 'the signature is too old, or from the future'
  return undefined
}

/** How long a signature is good for, either way, as senders recommend. */
export const TOLERANCE_MS = 300_000
