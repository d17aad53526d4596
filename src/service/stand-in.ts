import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:net'

/** Listens for a program that has no server. */
export interface StandIn {
  close(): void
}

/**
 * Accepts connections on a port and closes them, which says that this process is ready. When the program listens there
 * itself, it gets the port.
 */
export function standIn(port: number, host: string): StandIn {
  const server = createServer((socket) => socket.destroy())
  const close = (): void => {
    unsubscribe(LISTENING, onListen)
    server.close()
  }
  const onListen = (message: unknown): void => {
    const { server: other, options } = message as { server: unknown; options?: { port?: unknown } }
    if (other !== server && Number(options?.port) === port) close()
  }
  subscribe(LISTENING, onListen)
  // The program was faster.
  server.on('error', close)
  server.listen(port, host)
  return { close }
}

const LISTENING = 'tracing:net.server.listen:asyncStart'
