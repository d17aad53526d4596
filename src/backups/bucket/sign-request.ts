import { createHash, createHmac } from 'node:crypto'

/** What a store knows us by. */
export interface BucketKeys {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Of keys that are lent for some hours. */
  readonly sessionToken: string | undefined
}

/** A request as it will be sent. */
export interface UnsignedRequest {
  readonly method: string
  readonly url: URL
  /** Names in lower case. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>
  /** SHA-256 of the body, hexadecimal. */
  readonly bodySha256: string
}

/**
 * The headers with which a store that speaks Amazon's protocol takes a request: those that were given, and a signature
 * over them, the address and the body (Signature Version 4, "Authenticating Requests" of the S3 API reference). Pure.
 *
 * It is here, and not of a package, so that a restore on a new machine needs nothing that might not be installed there.
 */
export function signRequest(
  { method, url, headers, bodySha256 }: UnsignedRequest,
  keys: BucketKeys,
  { region, epochMs }: { readonly region: string; readonly epochMs: number },
): Readonly<Record<string, string>> {
  const time = new Date(epochMs).toISOString().replace(/[-:]|\.\d+/g, '')
  const all: Record<string, string> = {
    ...headers,
    host: url.host,
    'x-amz-content-sha256': bodySha256,
    'x-amz-date': time,
    ...(keys.sessionToken === undefined ? {} : { 'x-amz-security-token': keys.sessionToken }),
  }
  const names = Object.keys(all).sort()
  const signed = names.join(';')
  const canonical = [
    method,
    url.pathname,
    canonicalQuery(url),
    ...names.map((name) => `${name}:${all[name]!.trim().replace(/\s+/g, ' ')}`),
    '',
    signed,
    bodySha256,
  ].join('\n')
  const date = time.slice(0, 8)
  const scope = `${date}/${region}/s3/aws4_request`
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n')
  const key = [date, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`)
  const signature = hmac(key, text).toString('hex')
  return {
    ...all,
    authorization: `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope},SignedHeaders=${signed},Signature=${signature}`,
  }
}

/** As the protocol wants it: all but letters, digits and `-._~` as `%XX`. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`)
}

function canonicalQuery(url: URL): string {
  return [...url.searchParams]
    .map(([name, value]) => `${encodePart(name)}=${encodePart(value)}`)
    .sort()
    .join('&')
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}
