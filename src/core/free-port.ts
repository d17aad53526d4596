import { createServer } from 'node:net'

/**
 * A TCP port of the loopback address on which nobody listens now. Somebody may a moment later: whoever uses it has to
 * be ready to try another.
 *
 * @param isTaken leaves out ports that were given to somebody who does not listen yet
 */
export async function findFreePort(isTaken: (port: number) => boolean = () => false): Promise<number> {
  for (;;) {
    const port = await anyPort()
    if (!isTaken(port)) return port
  }
}

/** Whether nobody listens on a port of the loopback address, or of all addresses, and we may. */
export async function isPortFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  )
}

function anyPort(): Promise<number> {
  return listenOnce(0)
}

function listenOnce(port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>()
  // Whoever calls meanwhile must not keep it open.
  const server = createServer((socket) => socket.destroy())
  server.once('error', reject)
  server.listen(port, '127.0.0.1', () => {
    const address = server.address()
    server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
  })
  return promise
}
