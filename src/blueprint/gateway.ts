import type { Size } from '../core/size.ts'

/** The public listener of a system. */
export interface Gateway {
  /**
   * Its port. Where 8080 was not asked for and is taken, a free one is used, and printed; 0 always takes a free one.
   * @default 8080, or a free one where that is taken
   * @example port: 8080
   */
  port?: number
  /**
   * Address to listen on.
   * @default '127.0.0.1'
   * @example host: '0.0.0.0'
   */
  host?: string
  /**
   * Speaks HTTPS, with this certificate; of several, the first that is for the name that the client asks for.
   * @default plain HTTP
   * @example tls: { certificate: '/etc/shop/fullchain.pem', key: '/etc/shop/privkey.pem' }
   */
  tls?: Certificate | readonly Certificate[]
  /**
   * How much the head of a request may be; more is answered 431.
   * @default { size: '16KiB', count: 100 }
   * @example headers: { size: '32KiB' }
   */
  headers?: HeaderLimits
}

/** A certificate, in files that are read anew when they change. They are part of no release. */
export interface Certificate {
  /**
   * PEM file of the certificate, followed by those that lead to a known authority.
   * @example certificate: './tls/fullchain.pem'
   */
  certificate: string
  /**
   * PEM file of its private key, without a passphrase.
   * @example key: './tls/privkey.pem'
   */
  key: string
}

/** The head of a request: its first line and its headers. */
export interface HeaderLimits {
  /**
   * Of all of it; 1MiB at most. What an instance takes is its own affair: 16KiB, with Node.js.
   * @default '16KiB'
   * @example size: '32KiB'
   */
  size?: Size
  /**
   * So many headers.
   * @default 100
   * @example count: 50
   */
  count?: number
}
