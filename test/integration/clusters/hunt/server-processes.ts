import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { serversIn } from '../../../../src/clusters/orphan-servers.ts'
import type { ProcessIdentity } from '../../../../src/core/process-identity.ts'
import { readPostmasterFile } from '../../../../src/clusters/postmaster-file.ts'

/** A process of a PostgreSQL server. */
export interface ServerProcess {
  readonly identity: ProcessIdentity
  readonly kind: 'postmaster' | 'sender' | 'receiver' | 'back-end' | 'other'
}

const run = promisify(execFile)

/** The processes that work in a data directory. */
export async function processesIn(dataDirectory: string): Promise<readonly ServerProcess[]> {
  const servers = await serversIn(dataDirectory)
  if (servers.length === 0) return []
  const file = await readPostmasterFile(dataDirectory)
  const { stdout } = await run('ps', ['-o', 'pid=,args=', '-p', servers.map(({ pid }) => pid).join(',')]).catch(() => ({
    stdout: '',
  }))
  const titles = new Map(
    stdout.split('\n').map((line) => {
      const [, pid, title = ''] = /^\s*(\d+)\s+(.*)$/.exec(line) ?? []
      return [Number(pid), title] as const
    }),
  )
  return servers.map((identity) => ({
    identity,
    kind: identity.pid === file?.pid ? 'postmaster' : kindOf(titles.get(identity.pid) ?? ''),
  }))
}

function kindOf(title: string): ServerProcess['kind'] {
  if (title.startsWith('postgres: walsender')) return 'sender'
  if (title.startsWith('postgres: walreceiver')) return 'receiver'
  return /^postgres: \S+ \S+ (\[local\]|127\.0\.0\.1)/.test(title) ? 'back-end' : 'other'
}
