import type { SystemSnapshot } from '../control/snapshot.ts'
import { TenfoldError } from '../core/errors.ts'
import type { Subprocess } from '../core/subprocess.ts'

/** What is done to a process: it dies at once, or it stops in the middle of whatever it does and keeps what it holds. */
export type Fault = 'kill' | 'freeze'

const SIGNALS = { kill: 'SIGKILL', freeze: 'SIGSTOP' } as const

/**
 * Does to instances and to nodes of databases what a disaster would, for drills. All of them must run, or nothing is
 * done.
 *
 * @param ids as the snapshot has them: `orders-1`, `api-2`
 * @returns the pids
 * @throws TF_USAGE for something that does not run
 */
export function strikeProcesses(
  snapshot: Pick<SystemSnapshot, 'databases' | 'services'>,
  children: readonly Pick<Subprocess, 'identity' | 'signal'>[],
  ids: readonly string[],
  fault: Fault,
): readonly number[] {
  const struck = ids.map((id) => childOf(snapshot, children, id))
  // At once: a zone does not go down node by node.
  for (const child of struck) child.signal(SIGNALS[fault])
  return struck.map(({ identity }) => identity.pid)
}

function childOf<Child extends Pick<Subprocess, 'identity'>>(
  { databases, services }: Pick<SystemSnapshot, 'databases' | 'services'>,
  children: readonly Child[],
  id: string,
): Child {
  const nodes = Object.values(databases).flatMap((database) => database.nodes)
  const instances = Object.values(services).flatMap((service) => service.instances)
  const pid = [...nodes, ...instances].find((part) => part.id === id)?.pid
  const child = children.find(({ identity }) => identity.pid === pid)
  if (child !== undefined) return child
  throw new TenfoldError('TF_USAGE', `expected ${id} to be an instance or a node that runs`, {
    hint: 'run "tenfold status" to see what runs',
  })
}
