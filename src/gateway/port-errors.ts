import { TenfoldError } from '../core/errors.ts'
import { findPortHolder } from './port-holder.ts'

/** TF_PORT_TAKEN, with the name of the process that holds the port if we may know it. */
export function portTaken(host: string, port: number, cause?: unknown): TenfoldError {
  const holder = findPortHolder(port)
  const got = holder === undefined ? 'one in use' : `one that process ${holder.pid} (${holder.command}) listens on`
  return new TenfoldError('TF_PORT_TAKEN', `expected port ${port} on ${host} to be free, got ${got}`, {
    hint: `choose another with --port, or stop ${holder === undefined ? 'what holds it' : `process ${holder.pid}`}`,
    details: { host, port, ...(holder === undefined ? {} : { pid: holder.pid }) },
    cause,
  })
}

/** TF_PORT_FORBIDDEN: the system does not let us listen there. */
export function portForbidden(host: string, port: number, cause?: unknown): TenfoldError {
  return new TenfoldError(
    'TF_PORT_FORBIDDEN',
    `expected to be allowed to listen on ${host} port ${port}, got a refusal`,
    {
      hint: 'choose a port above 1023 and an address of this machine',
      details: { host, port },
      cause,
    },
  )
}
