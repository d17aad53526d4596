import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect, createServer } from 'node:net'

/** A way to a server on this machine that can be interrupted. */
export interface CutLine {
  readonly port: number
  /** From now on nothing passes, and nobody is told: connections stay open, and new ones get no answer. */
  cut(): void
  /** Connections end, and new ones end at once. */
  sever(): void
  /** What was sent meanwhile arrives. */
  heal(): void
  end(): Promise<void>
}

/** @param port of the server */
export async function openCutLine(port: number): Promise<CutLine> {
  let state: 'up' | 'cut' | 'severed' = 'up'
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    if (state === 'severed') return void near.destroy()
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(from)
      from.setNoDelay(true)
      from.on('data', (data) => to.write(data))
      from.on('error', () => undefined)
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
      if (state === 'cut') from.pause()
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    cut() {
      state = 'cut'
      for (const socket of sockets) socket.pause()
    },
    sever() {
      state = 'severed'
      for (const socket of sockets) socket.destroy()
    },
    heal() {
      state = 'up'
      for (const socket of sockets) socket.resume()
    },
    async end() {
      for (const socket of sockets) socket.destroy()
      const closed = once(server, 'close')
      server.close()
      await closed
    },
  }
}
