import { expect, test } from 'vitest'
import type { Delivery, WebhookSignature } from '../../../src/webhooks/signature.ts'
import { sign } from '../../../src/webhooks/signature.ts'
import { githubSignature } from '../../../src/webhooks/signatures/github.ts'
import { hmacSignature } from '../../../src/webhooks/signatures/hmac.ts'
import { standardWebhooksSignature } from '../../../src/webhooks/signatures/standard-webhooks.ts'
import { stripeSignature } from '../../../src/webhooks/signatures/stripe.ts'

const SIGNED_MS = 1_614_265_330_000

interface Vector {
  readonly name: string
  readonly of: (secrets: string | readonly string[]) => WebhookSignature
  readonly secret: string
  readonly delivery: Delivery
  readonly header: string
  /** Whether the time is signed, too. */
  readonly hasTime: boolean
}

const stripeBody = Buffer.from('{"id":"evt_1"}')

const vectors: readonly Vector[] = [
  {
    // From GitHub's documentation on validating deliveries.
    name: 'GitHub',
    of: githubSignature,
    secret: "It's a Secret to Everybody",
    delivery: {
      headers: { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
      body: Buffer.from('Hello, World!'),
    },
    header: 'x-hub-signature-256',
    hasTime: false,
  },
  {
    // From the Standard Webhooks specification.
    name: 'Standard Webhooks',
    of: standardWebhooksSignature,
    secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
    delivery: {
      headers: {
        'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
        'webhook-timestamp': String(SIGNED_MS / 1_000),
        'webhook-signature':
          'v1,bm9ldHUjKzFob2VudXRob2VodWUzMjRvdWVvdW9ldQo= v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      },
      body: Buffer.from('{"test": 2432232314}'),
    },
    header: 'webhook-signature',
    hasTime: true,
  },
  {
    name: 'Stripe',
    of: stripeSignature,
    secret: 'whsec_test',
    delivery: {
      headers: {
        'stripe-signature': `t=${SIGNED_MS / 1_000},v1=${'0'.repeat(64)},v1=${sign('sha256', 'whsec_test', `${SIGNED_MS / 1_000}.{"id":"evt_1"}`).toString('hex')},v0=0`,
      },
      body: stripeBody,
    },
    header: 'stripe-signature',
    hasTime: true,
  },
  {
    name: 'an HMAC in a header',
    of: (secrets) => hmacSignature({ header: 'X-Signature', secrets, algorithm: 'sha512', encoding: 'base64' }),
    secret: 'key',
    delivery: {
      headers: { 'x-signature': sign('sha512', 'key', stripeBody).toString('base64') },
      body: stripeBody,
    },
    header: 'x-signature',
    hasTime: false,
  },
]

test.each(vectors)('$name: what the sender has signed is right, also while the secret is replaced', (vector) => {
  expect(vector.of(vector.secret).problemWith(vector.delivery, SIGNED_MS)).toBeUndefined()
  expect(vector.of(['another', vector.secret]).problemWith(vector.delivery, SIGNED_MS)).toBeUndefined()
})

test.each(vectors)('$name: a change of one byte, another secret or a header that is missing is found', (vector) => {
  const { delivery, secret, header } = vector
  const body = Uint8Array.from(delivery.body)
  body[body.length - 1]! ^= 1
  const without: Delivery = { ...delivery, headers: { ...delivery.headers, [header]: undefined } }
  const empty: Delivery = { ...delivery, headers: { ...delivery.headers, [header]: '' } }
  const twice: Delivery = {
    ...delivery,
    headers: { ...delivery.headers, [header]: [String(delivery.headers[header])] },
  }
  for (const bad of [{ ...delivery, body }, without, empty, twice]) {
    expect(vector.of(secret).problemWith(bad, SIGNED_MS)).toEqual(expect.any(String))
  }
  expect(vector.of('another').problemWith(delivery, SIGNED_MS)).toBe('the signature is not right')
})

test.each(vectors.filter(({ hasTime }) => hasTime))(
  '$name: what was recorded is not taken after five minutes, nor before',
  (vector) => {
    const at = (ms: number): string | undefined => vector.of(vector.secret).problemWith(vector.delivery, SIGNED_MS + ms)
    expect(at(299_000)).toBeUndefined()
    expect(at(301_000)).toMatch('too old')
    expect(at(-301_000)).toMatch('too old')
  },
)

test.each(vectors)('$name: a secret that is empty, as of a variable that is not set, is refused', ({ of }) => {
  expect(() => of('')).toThrow('an empty one')
  expect(() => of([])).toThrow('an empty one')
})
