import { readdirSync, readFileSync, readlinkSync } from 'node:fs'

/** The process that listens on a port. */
export interface PortHolder {
  readonly pid: number
  /** Its command line, shortened. */
  readonly command: string
}

/** What a column `st` of `/proc/net/tcp` holds for a listening socket. */
const LISTEN = '0A'
const COMMAND_LENGTH_MAX = 80

/**
 * Who listens on a TCP port of this machine, as far as we may see: Linux only, and only processes of our own user unless
 * we are root.
 *
 * @example findPortHolder(3000) // { pid: 4711, command: 'node server.js' }
 */
export function findPortHolder(port: number): PortHolder | undefined {
  if (process.platform !== 'linux') return undefined
  const inodes = new Set([...listening('/proc/net/tcp', port), ...listening('/proc/net/tcp6', port)])
  if (inodes.size === 0) return undefined
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry)
    if (Number.isInteger(pid) && holdsSocket(pid, inodes)) return { pid, command: commandOf(pid) }
  }
  return undefined
}

/** Inodes of the sockets that listen on the port; see proc_pid_net(5). */
function listening(file: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  return (read(file) ?? '')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local, , state]) => local?.endsWith(suffix) === true && state === LISTEN)
    .map((fields) => fields[9] as string)
}

function holdsSocket(pid: number, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      const match = /^socket:\[(\d+)\]$/.exec(linkOf(`/proc/${pid}/fd/${fd}`))
      return match !== null && inodes.has(match[1] as string)
    })
  } catch {
    // It has gone, or belongs to somebody else.
    return false
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    // Closed while we looked.
    return ''
  }
}

function commandOf(pid: number): string {
  const command = (read(`/proc/${pid}/cmdline`) ?? '').replaceAll('\0', ' ').trim()
  return command.length > COMMAND_LENGTH_MAX ? `${command.slice(0, COMMAND_LENGTH_MAX)}…` : command
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
