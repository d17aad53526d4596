import type { Secrets, WebhookSignature } from '../signature.ts'
import { headerOf, isSame, problemWithTime, secretList, sign, TOLERANCE_MS } from '../signature.ts'

/**
 * Stripe's: `stripe-signature: t=<seconds>,v1=<hex>`, HMAC-SHA256 of `<seconds>.<body>` (docs.stripe.com/webhooks#verify-manually).
 * The delivery's id is the `id` of the event in the body.
 *
 * @param secrets of the endpoint, `whsec_…`
 */
export function stripeSignature(secrets: Secrets): WebhookSignature {
  const keys = secretList(secrets)
  return {
    problemWith(delivery, nowEpochMs) {
      const fields = (headerOf(delivery, 'stripe-signature') ?? '').split(',').map((field) => field.trim().split('='))
      const time = fields.find(([name]) => name === 't')?.[1]
      const given = fields.filter(([name]) => name === 'v1').map(([, value = '']) => value)
      if (time === undefined || given.length === 0) return 'there is no stripe-signature header with t and v1'
      const expected = keys.map((key) => sign('sha256', key, `${time}.`, delivery.body).toString('hex'))
      if (!given.some((one) => expected.some((other) => isSame(one, other)))) return 'the signature is not right'
      return problemWithTime(time, nowEpochMs, TOLERANCE_MS)
    },
  }
}
