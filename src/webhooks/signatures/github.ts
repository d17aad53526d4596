import type { Secrets, WebhookSignature } from '../signature.ts'
import { headerOf } from '../signature.ts'
import { hmacSignature } from './hmac.ts'

/** GitHub's: `x-hub-signature-256: sha256=<hex>` of the body; each delivery has its id in `x-github-delivery`. */
export function githubSignature(secrets: Secrets): WebhookSignature {
  return {
    ...hmacSignature({ header: 'x-hub-signature-256', prefix: 'sha256=', secrets }),
    idOf: (delivery) => headerOf(delivery, 'x-github-delivery'),
  }
}
