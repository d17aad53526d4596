import { expect, test } from 'vitest'
import { signRequest } from '../../../src/backups/bucket/sign-request.ts'

const KEYS = {
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  sessionToken: undefined,
}
const AT = { region: 'us-east-1', epochMs: Date.parse('2013-05-24T00:00:00Z') }
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** Examples of "Signature Calculations for the Authorization Header" of the S3 API reference. */
test.each([
  {
    method: 'GET',
    path: '/test.txt',
    headers: { range: 'bytes=0-9' },
    bodySha256: EMPTY,
    signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  },
  {
    method: 'PUT',
    path: '/test%24file.text',
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    bodySha256: '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072',
    signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  },
  {
    method: 'GET',
    path: '/?lifecycle',
    headers: {},
    bodySha256: EMPTY,
    signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  },
  {
    method: 'GET',
    path: '/?max-keys=2&prefix=J',
    headers: {},
    bodySha256: EMPTY,
    signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  },
])('signs $method $path as Amazon does', ({ path, signature, ...request }) => {
  const url = new URL(path, 'https://examplebucket.s3.amazonaws.com')
  const { authorization } = signRequest({ ...request, url }, KEYS, AT)
  expect(authorization).toContain(`Signature=${signature}`)
})

test('signs the token of keys that are lent', () => {
  const url = new URL('https://acme.s3.amazonaws.com/')
  const headers = signRequest(
    { method: 'GET', url, headers: {}, bodySha256: EMPTY },
    { ...KEYS, sessionToken: 'lent' },
    AT,
  )
  expect(headers['x-amz-security-token']).toBe('lent')
  expect(headers['authorization']).toContain('x-amz-security-token')
})
