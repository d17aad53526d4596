import { execFile } from 'node:child_process'
import { open, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { sleep, systemClock } from '../../../../src/core/clock.ts'
import { serversIn } from '../../../../src/clusters/orphan-servers.ts'
import { findChildUser } from '../../../../src/core/child-user.ts'
import type { ProcessIdentity } from '../../../../src/core/process-identity.ts'
import { isRunning, signalProcess } from '../../../../src/core/process-identity.ts'
import type { ClusterHost } from './cluster-host.ts'
import type { PlannedFault, Target } from './fault-plan.ts'
import { describeFault } from './fault-plan.ts'
import type { Interval } from './history.ts'
import type { Links } from './links.ts'
import type { ServerProcess } from './server-processes.ts'
import { processesIn } from './server-processes.ts'

/** Does to a cluster what was planned. */
export interface Faults {
  /** Times in which all followers were certainly stopped, or cut off from the primary. */
  readonly alone: readonly Interval[]
  /** The parts of them at whose end one was still recorded as synchronous. */
  readonly guarded: readonly Interval[]
  /** Does it, and undoes what lasts. Resolves when it is over, with what came of it, for the log. */
  inject(fault: PlannedFault): Promise<string>
  /** Lets everything go on that was stopped. */
  undo(): Promise<void>
}

/** @see createFaults */
export interface FaultsOptions {
  readonly host: ClusterHost
  readonly directories: ReadonlyMap<number, string>
  /** By which they follow each other. */
  readonly links: Links
  /** Whom the record of the cluster calls synchronous now. */
  synchronous(): Promise<number | undefined>
  /** A small file system that nothing else is on, with the cluster; undefined: there is none. */
  readonly disk: string | undefined
  readonly random: { integer(bound: number): number }
}

const run = promisify(execFile)
/** Much less than a part of the log. */
const FILE_BYTES_MAX = 1 << 14
const CHUNK = Buffer.alloc(1 << 20)
const ARRIVED_MS = 50
const LOOK_MS = 20
const START_AGAIN_MS = [0, 300, 2_000]

export function createFaults(options: FaultsOptions): Faults {
  const { host, directories, links, disk, random } = options
  /** Who is stopped, and how often. */
  const stopped = new Map<ProcessIdentity['pid'], { readonly identity: ProcessIdentity; times: number }>()
  const alone: Interval[] = []
  const guarded: Interval[] = []
  const ballast = disk === undefined ? undefined : join(disk, 'ballast')

  function nodeOf(target: Target): number | undefined {
    const nodes = host.status?.nodes ?? []
    const found = nodes.find(({ role }) => role === target) ?? nodes.find(({ role }) => role !== 'primary')
    return found?.id
  }

  async function processesOf(target: Target): Promise<readonly ServerProcess[]> {
    const directory = directories.get(nodeOf(target) ?? 1)
    return directory === undefined ? [] : processesIn(directory)
  }

  async function kill(target: Target, kind: ServerProcess['kind']): Promise<string> {
    const found = (await processesOf(target)).filter((each) => each.kind === kind)
    if (found.length === 0) return 'nobody'
    const { identity } = found[random.integer(found.length)]!
    return signalProcess(identity, 'SIGKILL') ? `pid ${identity.pid}` : 'gone'
  }

  function halt(identity: ProcessIdentity): boolean {
    if (!signalProcess(identity, 'SIGSTOP')) return false
    const before = stopped.get(identity.pid)
    stopped.set(identity.pid, { identity, times: (before?.times ?? 0) + 1 })
    return true
  }

  /** Lets it go on, unless somebody else has stopped it too. */
  function resume(identity: ProcessIdentity): boolean {
    const before = stopped.get(identity.pid)
    if (before !== undefined && --before.times > 0) return true
    stopped.delete(identity.pid)
    return signalProcess(identity, 'SIGCONT')
  }

  async function stopFor(processes: readonly ServerProcess[], forMs: number): Promise<string> {
    const identities = processes.map(({ identity }) => identity).filter(halt)
    await sleep(systemClock, forMs)
    const left = identities.filter(resume)
    return `${identities.length} processes, ${left.length} at the end`
  }

  /** All of them, and the time in which it is certain that no disk of them could change. */
  async function stopFollowers(forMs: number): Promise<string> {
    const primary = nodeOf('primary')
    const ids = [...directories.keys()].filter((id) => id !== primary)
    const find = async (): Promise<readonly ServerProcess[]> =>
      (await Promise.all(ids.map((id) => processesIn(directories.get(id)!)))).flat()
    // Again, for those that were started meanwhile, until there is nobody who was not stopped.
    const halted = new Map<number, ProcessIdentity>()
    for (let hasNew = true; hasNew;) {
      const fresh = (await find()).filter(({ identity }) => !halted.has(identity.pid) && halt(identity))
      for (const { identity } of fresh) halted.set(identity.pid, identity)
      hasNew = fresh.length > 0
    }
    const before = await find()
    const time = await watchAlone(forMs)
    const pids = new Set(before.map(({ identity }) => identity.pid))
    const areSame =
      (await find()).every(({ identity }) => pids.has(identity.pid)) &&
      before.every(({ identity }) => isRunning(identity)) &&
      nodeOf('primary') === primary
    if (areSame && before.length > 0) count(time)
    for (const identity of halted.values()) resume(identity)
    return `${before.length} processes`
  }

  /** Whether anybody is told or not. What is between a node that was cut off and its primary is what it can't know. */
  async function cut(what: 'cut' | 'sever', target: Target, forMs: number): Promise<string> {
    const [node, primary] = [nodeOf(target), nodeOf('primary')]
    if (node === undefined) return 'nobody'
    links[what](node)
    const time = await watchAlone(forMs)
    if (node === primary && nodeOf('primary') === primary) count(time)
    links.heal(node, what)
    return `node ${node}`
  }

  /** Looks at the record while no follower can get anything. */
  async function watchAlone(forMs: number): Promise<{ alone: Interval; guarded: Interval }> {
    // What they had sent before may still be on its way.
    await sleep(systemClock, ARRIVED_MS)
    const fromMs = systemClock.nowMs()
    let guardedMs = fromMs
    while (systemClock.nowMs() < fromMs + forMs) {
      const nowMs = systemClock.nowMs()
      if ((await options.synchronous()) !== undefined) guardedMs = nowMs
      await sleep(systemClock, LOOK_MS)
    }
    return { alone: { fromMs, toMs: systemClock.nowMs() }, guarded: { fromMs, toMs: guardedMs } }
  }

  function count(time: { alone: Interval; guarded: Interval }): void {
    alone.push(time.alone)
    guarded.push(time.guarded)
  }

  async function limitFiles(target: Target, forMs: number): Promise<string> {
    const directory = directories.get(nodeOf(target) ?? 1)!
    // As their own user, who may lower and raise the softer of the two limits.
    const user = findChildUser()
    const as = user === undefined ? {} : { uid: user.uid, gid: user.gid }
    const limit = async (bytes: string): Promise<number> => {
      const servers = await serversIn(directory)
      const calls = servers.map(({ pid }) => run('prlimit', ['--pid', String(pid), `--fsize=${bytes}:`], as))
      return (await Promise.allSettled(calls)).filter(({ status }) => status === 'fulfilled').length
    }
    const count = await limit(String(FILE_BYTES_MAX))
    if (count === 0) return 'skipped: prlimit does not work here'
    await sleep(systemClock, forMs)
    await limit('unlimited')
    return `${count} processes`
  }

  async function fillDisk(forMs: number): Promise<string> {
    if (ballast === undefined || disk === undefined) return 'skipped: a small disk needs root'
    const file = await open(ballast, 'w')
    try {
      while ((await statfs(disk)).bavail > 0) await file.write(CHUNK)
    } catch {
      // It is full.
    } finally {
      await file.close()
    }
    await sleep(systemClock, forMs)
    await rm(ballast, { force: true })
    return 'full'
  }

  function act({ kind, target, forMs }: PlannedFault): Promise<string> {
    const follower = target === 'primary' ? 'standby' : target
    const only = async (of: Target, wanted: ServerProcess['kind']): Promise<readonly ServerProcess[]> =>
      (await processesOf(of)).filter((each) => each.kind === wanted)
    switch (kind) {
      case 'kill':
        return kill(target, 'postmaster')
      case 'kill-back-end':
        return kill(target, 'back-end')
      case 'kill-sender':
        return kill('primary', 'sender')
      case 'kill-receiver':
        return kill(follower, 'receiver')
      case 'stop':
        return processesOf(target).then((processes) => stopFor(processes, forMs))
      case 'stop-followers':
        return stopFollowers(forMs)
      case 'stop-sender':
        return only('primary', 'sender').then((processes) => stopFor(processes.slice(0, 1), forMs))
      case 'stop-receiver':
        return only(follower, 'receiver').then((processes) => stopFor(processes, forMs))
      case 'cut':
      case 'sever':
        return cut(kind, target, forMs)
      case 'limit-files':
        return limitFiles(target, forMs)
      case 'fill-disk':
        return fillDisk(forMs)
      case 'switchover':
        return host.switchOver().then((refused) => refused ?? 'done')
      case 'kill-control':
        return killControl(forMs)
      case 'restart':
        return host.stop().then((said) => {
          host.start()
          return said === '' ? 'done' : said
        })
    }
  }

  async function killControl(forMs: number): Promise<string> {
    await host.kill()
    await sleep(systemClock, Math.min(forMs, START_AGAIN_MS[random.integer(START_AGAIN_MS.length)]!))
    host.start()
    return 'started again'
  }

  return {
    alone,
    guarded,
    async inject(fault) {
      return `${describeFault(fault)}: ${await act(fault).catch((error: unknown) => String(error))}`
    },
    async undo() {
      for (const { identity } of stopped.values()) signalProcess(identity, 'SIGCONT')
      stopped.clear()
      links.healAll()
      if (ballast !== undefined) await rm(ballast, { force: true })
    },
  }
}
