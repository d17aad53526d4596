import type { Place } from '../place.ts'
import type { Reader } from './reader.ts'
import { object, oneOrMore } from './reader.ts'
import { number, sizeBytes, text } from './value.ts'

/** What stands in a blueprint under `gateway`. */
export interface ReadGateway {
  readonly port: number | undefined
  readonly host: string | undefined
  readonly tls: readonly ReadCertificate[] | undefined
  readonly headers: { readonly size: number | undefined; readonly count: number | undefined } | undefined
}

export interface ReadCertificate {
  readonly certificate: string | undefined
  readonly key: string | undefined
}

const HEAD_BYTES_MAX = 1024 ** 2
const headBytes = sizeBytes(1_024, '1KiB')

/** The public listener, and what can be seen from it alone. */
export const gateway: Reader<ReadGateway> = object({
  what: 'the gateway',
  options: {
    port: number({ min: 0, max: 65_535, isInteger: true }),
    host: text('an address'),
    tls: oneOrMore(
      'certificates',
      object({
        what: 'a certificate',
        options: { certificate: text('a file'), key: text('a file') },
        required: ['certificate', 'key'],
      }),
    ),
    headers: object({
      what: 'headers',
      options: { size: headSize, count: number({ min: 10, max: 1_000, isInteger: true }) },
    }),
  },
})

function headSize(given: unknown, place: Place): number | undefined {
  const bytes = headBytes(given, place)
  if (bytes === undefined || bytes <= HEAD_BYTES_MAX) return bytes
  return place.invalid(`expected 1MiB or less, got '${String(given)}'`, "write at most '1MiB'")
}
