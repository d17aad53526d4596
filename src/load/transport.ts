import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { connect as connectSecurely, createSecureContext } from 'node:tls'

/** A byte stream to the target. */
export interface Transport {
  write(bytes: Buffer | string): void
  /** Closes at once; nothing is reported afterwards. */
  destroy(): void
}

/** What a transport reports. */
interface TransportEvents {
  onOpen(): void
  /** The first `length` of `bytes` are valid, and only during the call. */
  onBytes(bytes: Buffer, length: number): void
  /** The peer has ended its side cleanly. */
  onEnd(): void
  /** Refused, reset or broken. */
  onError(problem: string): void
}

/** Opens transports; tests hold one that never leaves the process. */
export type Connect = (events: TransportEvents) => Transport

/** Where the requests go. */
export interface Address {
  readonly host: string
  readonly port: number
  /** Speaks TLS. @default plain TCP */
  readonly tls?: TlsPeer
}

/** Who is expected at the other end of a TLS connection. */
export interface TlsPeer {
  /** The name that it is asked for; undefined: none, there is only an address. */
  readonly serverName: string | undefined
  /** PEM of the certificates to trust, for any name; undefined: what this machine trusts, for that name. */
  readonly trusted: string | undefined
}

/** All sockets of a thread read into one buffer, one after the other: nothing is allocated per read. */
const READ_BYTES = 64 * 1024

/** Connections to an address, with TLS where it says so. */
export function connectTo(address: Address): Connect {
  return address.tls === undefined ? tcpConnect(address) : tlsConnect(address, address.tls)
}

/** TCP connections without Nagle's algorithm. */
function tcpConnect({ host, port }: Address): Connect {
  const shared = Buffer.allocUnsafeSlow(READ_BYTES)
  return (events) => {
    const reports = untilOver(events)
    const socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: shared,
        callback(length, bytes) {
          reports.onBytes(bytes as Buffer, length)
          return true
        },
      },
    })
    socket.once('connect', reports.onOpen)
    return transportOver(socket, reports)
  }
}

/** The same with TLS. A full handshake each: sessions of the generator's users have nothing in common. */
function tlsConnect({ host, port }: Address, { serverName, trusted }: TlsPeer): Connect {
  const secureContext = createSecureContext(
    // What is trusted may be the certificate itself, or one between it and its authority.
    trusted === undefined ? {} : { ca: trusted, allowPartialTrustChain: true },
  )
  const anyName = trusted === undefined ? {} : { checkServerIdentity: () => undefined }
  const name = serverName === undefined ? {} : { servername: serverName }
  return (events) => {
    const reports = untilOver(events)
    const socket = connectSecurely({ host, port, secureContext, ...name, ...anyName })
    socket.setNoDelay(true)
    socket.on('data', (bytes: Buffer) => reports.onBytes(bytes, bytes.length))
    socket.once('secureConnect', reports.onOpen)
    return transportOver(socket, reports)
  }
}

type Reports = TransportEvents & { isOver: boolean }

/** Reports nothing any more once it is over. */
function untilOver(events: TransportEvents): Reports {
  const reports: Reports = {
    isOver: false,
    onOpen: () => void (reports.isOver || events.onOpen()),
    onBytes: (bytes, length) => void (reports.isOver || events.onBytes(bytes, length)),
    onEnd() {
      if (reports.isOver) return
      reports.isOver = true
      events.onEnd()
    },
    onError(problem) {
      if (reports.isOver) return
      reports.isOver = true
      events.onError(problem)
    },
  }
  return reports
}

function transportOver(socket: Socket, reports: Reports): Transport {
  socket.once('end', () => {
    reports.onEnd()
    socket.destroy()
  })
  socket.once('error', (error: NodeJS.ErrnoException) => {
    reports.onError(error.code ?? error.message)
    socket.destroy()
  })
  return {
    write: (bytes) => void socket.write(bytes),
    destroy() {
      reports.isOver = true
      socket.destroy()
    },
  }
}
