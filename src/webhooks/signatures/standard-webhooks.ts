import type { Secrets, WebhookSignature } from '../signature.ts'
import { headerOf, isSame, problemWithTime, secretList, sign, TOLERANCE_MS } from '../signature.ts'

/**
 * That of the Standard Webhooks specification 1.0: headers `webhook-id`, `webhook-timestamp` and `webhook-signature`, which
 * has a list of `v1,<base64>`: HMAC-SHA256 of `<id>.<timestamp>.<body>`.
 *
 * @param secrets `whsec_` and base64
 */
export function standardWebhooksSignature(secrets: Secrets): WebhookSignature {
  const keys = secretList(secrets).map((secret) => Buffer.from(secret.replace(/^whsec_/, ''), 'base64'))
  return {
    problemWith(delivery, nowEpochMs) {
      const [id, time, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
        headerOf(delivery, name),
      )
      if (id === undefined || time === undefined || signatures === undefined) {
        return 'one of the headers webhook-id, webhook-timestamp and webhook-signature is not there'
      }
      const given = signatures.split(' ').filter((signature) => signature.startsWith('v1,'))
      const expected = keys.map(
        (key) => `v1,${sign('sha256', key, `${id}.${time}.`, delivery.body).toString('base64')}`,
      )
      if (!given.some((one) => expected.some((other) => isSame(one, other)))) return 'the signature is not right'
      return problemWithTime(time, nowEpochMs, TOLERANCE_MS)
    },
    idOf: (delivery) => headerOf(delivery, 'webhook-id'),
  }
}
