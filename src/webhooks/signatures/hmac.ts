import type { Secrets, WebhookSignature } from '../signature.ts'
import { headerOf, isSame, secretList, sign } from '../signature.ts'

/** @see hmacSignature */
export interface HmacOptions {
  /** Which header has the signature. @example header: 'x-signature' */
  readonly header: string
  readonly secrets: Secrets
  /** @default 'sha256' */
  readonly algorithm?: 'sha1' | 'sha256' | 'sha384' | 'sha512'
  /** @default 'hex' */
  readonly encoding?: 'hex' | 'base64'
  /** Stands before the signature. @default none @example prefix: 'sha256=' */
  readonly prefix?: string
}

/**
 * An HMAC of the body in a header, as many senders have it. It says nothing about time: what somebody has recorded may come
 * again, and is then known by its id, for as long as ids are kept.
 */
export function hmacSignature(options: HmacOptions): WebhookSignature {
  const { header, algorithm = 'sha256', encoding = 'hex', prefix = '' } = options
  const keys = secretList(options.secrets)
  const name = header.toLowerCase()
  return {
    problemWith(delivery) {
      const given = headerOf(delivery, name)
      if (given === undefined) return `there is no ${name} header`
      const isRight = keys.some((key) => isSame(given, prefix + sign(algorithm, key, delivery.body).toString(encoding)))
      return isRight ? undefined : 'the signature is not right'
    },
  }
}
