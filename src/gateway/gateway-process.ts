import { systemClock } from '../core/clock.ts'
import { hasCode, messageOf } from '../core/errors.ts'
import { EXIT_PORT_FORBIDDEN, EXIT_PORT_TAKEN, readGatewayOptions } from './gateway-options.ts'
import { createGatewayServer } from './gateway-server.ts'

/*
 * The gateway's own process. It lives without the control plane: with nobody on the admin socket it serves the last
 * configuration it got. SIGTERM and SIGINT: no new connection, `connection: close` on every answer, out when the last
 * one has ended or the deadline has passed.
 */

/** A defect that one request hits must not take the others with it; after so many the process starts afresh. */
const DEFECTS_MAX = 20
let defects = 0
process.on('uncaughtException', (error) => {
  log('error', error.stack ?? error.message)
  defects += 1
  if (defects > DEFECTS_MAX) process.exit(1)
})

try {
  const options = readGatewayOptions(process.env)
  const server = createGatewayServer({
    ...options,
    clock: systemClock,
    log: (message) => log('info', message),
    onProblem: (message) => log('warning', message),
  })
  const leave = (): void => {
    log('info', 'leaving')
    void server.stop(options.stopDeadlineMs).then(() => process.exit(0))
  }
  process.once('SIGTERM', leave)
  process.once('SIGINT', leave)
  await server.start()
  const { url, internalUrl } = server.state()
  log('info', `listening on ${url}, for services on ${internalUrl}`)
} catch (error) {
  log('error', messageOf(error))
  process.exit(
    hasCode(error, 'TF_PORT_TAKEN') ? EXIT_PORT_TAKEN : hasCode(error, 'TF_PORT_FORBIDDEN') ? EXIT_PORT_FORBIDDEN : 1,
  )
}

function log(level: 'info' | 'warning' | 'error', message: string): void {
  process.stdout.write(`${new Date(systemClock.epochMs()).toISOString()} ${level} ${message}\n`)
}
