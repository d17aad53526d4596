import { connect } from 'node:net'

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
}

/** All sockets of a thread read into one buffer, one after the other: nothing is allocated per read. */
const READ_BYTES = 64 * 1024

/** TCP connections without Nagle's algorithm. */
export function tcpConnect(address: Address): Connect {
  const shared = Buffer.allocUnsafeSlow(READ_BYTES)
  return (events) => {
    let isOver = false
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      onread: {
        buffer: shared,
        callback(length, bytes) {
          if (!isOver) events.onBytes(bytes as Buffer, length)
          return true
        },
      },
    })
    socket.once('connect', () => {
      if (!isOver) events.onOpen()
    })
    socket.once('end', () => {
      if (isOver) return
      isOver = true
      events.onEnd()
      socket.destroy()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (isOver) return
      isOver = true
      events.onError(error.code ?? error.message)
      socket.destroy()
    })
    return {
      write: (bytes) => void socket.write(bytes),
      destroy() {
        isOver = true
        socket.destroy()
      },
    }
  }
}
