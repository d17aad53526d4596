import { once } from 'node:events'
import type { AddressInfo, Server, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A server that says its name to whoever connects, then gives back what it gets. */
export interface FakePrimary extends AsyncDisposable {
  readonly port: number
  readonly server: Server
  readonly sockets: Set<Socket>
}

export async function fakePrimary(name: string, port = 0): Promise<FakePrimary> {
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('close', () => sockets.delete(socket))
    socket.write(`${name}\n`)
    socket.pipe(socket)
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    server,
    sockets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      if (!server.listening) return
      server.close()
      await once(server, 'close')
    },
  }
}

/** A client that keeps what it hears. */
export interface FakeClient {
  readonly socket: Socket
  readonly heard: () => string
  /** Resolves once it has heard that; rejects when it is closed before. */
  hears(text: string): Promise<void>
  readonly closed: Promise<void>
}

export function fakeClient(port: number): FakeClient {
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  let text = ''
  let look = (): void => undefined
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    look()
  })
  socket.on('error', () => undefined)
  // As drivers do: when the server has nothing more to say, neither have they.
  socket.once('end', () => socket.end())
  return {
    socket,
    closed,
    heard: () => text,
    hears(wanted) {
      return new Promise((resolve, reject) => {
        look = () => void (text.includes(wanted) && resolve())
        look()
        void closed.then(() => reject(new Error(`expected to hear ${wanted}, got ${JSON.stringify(text)}`)))
      })
    },
  }
}
