import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import type { Clock } from '../core/clock.ts'

const PATIENCE_MS = 3_000

/**
 * Says once what is wrong when this process listens, but after a while still not where it was told to: in its log,
 * where somebody looks who wonders why it does not become ready.
 */
export function watchForListeningElsewhere(options: {
  readonly port: number
  readonly clock: Clock
  readonly say: (text: string) => void
}): void {
  const { port, clock, say } = options
  let isRight = false
  let isWatched = false
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: Server }
    server.once('listening', () => {
      const address = server.address()
      if (typeof address !== 'object' || address === null) return
      if (address.port === port) isRight = true
      if (isRight || isWatched) return
      isWatched = true
      clock.schedule(PATIENCE_MS, () => isRight || say(adviceOn(address.port, port)), { unref: true })
    })
  })
}

function adviceOn(found: number, wanted: number): string {
  return (
    `tenfold: this program listens on port ${found}, and not on $PORT, which is ${wanted}: ` +
    `give its service "port: ${found}" in the blueprint, or let it read PORT\n`
  )
}
