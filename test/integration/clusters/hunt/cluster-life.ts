import { chmod, chown, mkdir, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { clusterPathsOf, readClusterRecord } from '../../../../src/clusters/cluster-record.ts'
import type { FollowerOptions } from '../../../../src/clusters/cluster-options.ts'
import { fence } from '../../../../src/clusters/fence.ts'
import { serversIn } from '../../../../src/clusters/orphan-servers.ts'
import { findChildUser } from '../../../../src/core/child-user.ts'
import { sleep, systemClock } from '../../../../src/core/clock.ts'
import { messageOf } from '../../../../src/core/errors.ts'
import type { Random } from '../../../../src/core/random.ts'
import type { DatabaseAddress } from '../../../../src/sql/database.ts'
import type { Clients } from './clients.ts'
import { TABLES, startClients } from './clients.ts'
import { createClusterHost } from './cluster-host.ts'
import type { FaultKind, PlannedFault } from './fault-plan.ts'
import { describeFault, planFaults } from './fault-plan.ts'
import { createFaults } from './faults.ts'
import { judgeDurability, judgeRows, judgeTerms, judgeWriters } from './history.ts'
import type { HostStatus } from './hosted-cluster.ts'
import { compareNodes, readLedger } from './ledger.ts'
import type { Links } from './links.ts'
import { openLinks } from './links.ts'
import { PROBE_TABLE, openAsSuperuser, portIn, startProber } from './prober.ts'
import { mountSmallDisk } from './small-disk.ts'

/** How a cluster lives, and what is done to it. */
export interface LifeOptions {
  readonly followers: FollowerOptions
  readonly random: Random
  /** @default 8 */
  readonly rounds?: number
  /** @default all of them */
  readonly kinds?: readonly FaultKind[]
  /** These faults in these rounds, instead of some by chance. */
  readonly plan?: readonly (readonly PlannedFault[])[]
  /** Ends the life after the round. */
  readonly signal?: AbortSignal | undefined
  readonly log: (text: string) => void
}

/** What came of it. */
export interface LifeStory {
  readonly defects: readonly string[]
  readonly figures: Readonly<Record<string, number>>
}

const NAME = 'orders'
/** From the end of the last fault until everything is as before: a node may have to be copied anew, after it was waited for. */
const WHOLE_MS_MAX = 120_000
const NOTICED_MS = 300
const NO_SPACE = /ENOSPC|No space left|TF_DISK_FULL/i
const DEFECTS_MAX = 20

/**
 * A cluster from its first start to its end, with clients and a prober all the time: faults, then peace until it is
 * whole again, round by round; then everything that was seen is judged.
 */
export async function liveOnce(options: LifeOptions): Promise<LifeStory> {
  const directory = await mkdtemp(join(tmpdir(), 'tenfold hunt-'))
  await chmod(directory, 0o711)
  const socketDirectory = await mkdtemp('/tmp/tenfold-hunt-')
  const user = findChildUser()
  if (user !== undefined) await chown(socketDirectory, user.uid, user.gid)
  const disk = join(directory, 'disk')
  await mkdir(disk, { mode: 0o711 })
  const mount = await mountSmallDisk(disk)
  const ids = Array.from({ length: options.followers.count + 1 }, (_, index) => index + 1)
  const directories = new Map(ids.map((id) => [id, clusterPathsOf(join(disk, NAME), id).data]))
  const links = await openLinks(directories)
  const life = new Life(options, { directory, socketDirectory, disk, isSmall: mount !== undefined, directories, links })
  try {
    return await life.live()
  } finally {
    await life.end()
    await links.end()
    await mount?.unmount()
    await rm(socketDirectory, { recursive: true, force: true })
    await rm(directory, { recursive: true, force: true })
  }
}

interface Places {
  readonly directory: string
  readonly socketDirectory: string
  readonly disk: string
  /** Whether nothing else is on it. */
  readonly isSmall: boolean
  readonly directories: ReadonlyMap<number, string>
  readonly links: Links
}

class Life {
  readonly #options: LifeOptions
  readonly #places: Places
  readonly #host
  readonly #faults
  readonly #defects: string[] = []
  #alarm: string | undefined
  readonly #bornMs = systemClock.nowMs()
  readonly #figures = {
    rounds: 0,
    faults: 0,
    acknowledged: 0,
    unknown: 0,
    refused: 0,
    reads: 0,
    probes: 0,
    terms: 0,
    alone: 0,
    alarms: 0,
    gapMsMax: 0,
    wholeMsMax: 0,
  }
  #clients: Clients | undefined

  constructor(options: LifeOptions, places: Places) {
    this.#options = options
    this.#places = places
    const { directory, socketDirectory, directories, links } = places
    const dataDirectory = join(places.disk, NAME)
    const told = { directory, dataDirectory, socketDirectory, followers: options.followers, ports: links.ports }
    this.#host = createClusterHost({ name: NAME, ...told }, (status) => this.#follow(status))
    this.#faults = createFaults({
      host: this.#host,
      directories,
      links,
      synchronous: async () => (await readClusterRecord(clusterPathsOf(dataDirectory)))?.synchronous,
      disk: places.isSmall ? places.disk : undefined,
      random: options.random.fork('victims'),
    })
  }

  async live(): Promise<LifeStory> {
    const { random, rounds = 8, signal, plan, kinds } = this.#options
    this.#host.start()
    await this.#untilWhole()
    const { adminUrl } = this.#host.status!
    await this.#setUp()
    const password = new URL(adminUrl!).password
    const { socketDirectory } = this.#places
    const prober = startProber({ nodes: this.#places.directories, socketDirectory, database: NAME, password })
    this.#clients = startClients(addressOf(this.#host.status!)!, random.fork('clients'))
    const chance = random.fork('faults')
    for (let round = 0; round < (plan?.length ?? rounds); round++) {
      const isWhole = await this.#round(plan?.[round] ?? planFaults(chance, kinds))
      if (!isWhole || signal?.aborted === true) break
    }
    await this.#clients.end()
    await prober.end()
    await this.#judge(prober, password)
    await this.#stop()
    const { attempts } = this.#clients
    const count = (outcome: string): number => attempts.filter((attempt) => attempt.outcome === outcome).length
    Object.assign(this.#figures, {
      acknowledged: count('acknowledged'),
      unknown: count('unknown'),
      refused: count('refused'),
      reads: this.#clients.reads,
      probes: prober.acceptances.length,
      terms: this.#host.status?.term ?? 0,
      alone: this.#faults.alone.length,
    })
    return { defects: this.#defects.slice(0, DEFECTS_MAX), figures: this.#figures }
  }

  /** Leaves nothing, whatever has happened. */
  async end(): Promise<void> {
    await this.#clients?.end()
    await this.#faults.undo()
    await this.#host.kill()
    for (const directory of this.#places.directories.values()) await fence(directory, 10_000, systemClock)
  }

  /** @returns whether the cluster is whole again */
  async #round(faults: readonly PlannedFault[]): Promise<boolean> {
    this.#figures.rounds++
    this.#log(`round ${this.#figures.rounds}: ${faults.map(describeFault).join(', ')}`)
    await sleep(systemClock, 300)
    this.#clients!.gapMs()
    const under: Promise<void>[] = []
    for (const fault of faults) {
      await sleep(systemClock, fault.afterMs)
      this.#figures.faults++
      under.push(this.#faults.inject(fault).then((came) => this.#log(`  ${came}`)))
    }
    await Promise.all(under)
    await this.#faults.undo()
    this.#host.start()
    const fromMs = systemClock.nowMs()
    // What was done last may not have been noticed yet.
    await sleep(systemClock, NOTICED_MS)
    const isWhole = await this.#untilWhole().then(
      () => true,
      (error: unknown) => {
        this.#defects.push(`after round ${this.#figures.rounds}: ${messageOf(error)}`)
        return false
      },
    )
    const [wholeMs, gapMs] = [Math.round(systemClock.nowMs() - fromMs), Math.round(this.#clients!.gapMs())]
    this.#figures.wholeMsMax = Math.max(this.#figures.wholeMsMax, wholeMs)
    this.#figures.gapMsMax = Math.max(this.#figures.gapMsMax, gapMs)
    this.#log(`  whole after ${wholeMs} ms, without a write for ${gapMs} ms, term ${this.#host.status?.term}`)
    return isWhole
  }

  /** All nodes run as they should, a standby has all writes, nothing alarms, and a write is acknowledged. */
  async #untilWhole(): Promise<void> {
    const { followers } = this.#options
    const deadlineMs = systemClock.nowMs() + WHOLE_MS_MAX
    const before = this.#clients?.acknowledged ?? -1
    for (;;) {
      const { status } = this.#host
      const isWhole =
        this.#host.hasSpoken &&
        status?.state === 'ready' &&
        status.alarm === undefined &&
        status.nodes.length === followers.count + 1 &&
        status.nodes.every(({ state }) => state === 'ready') &&
        (!followers.isSynchronous || status.nodes.some(({ role }) => role === 'standby')) &&
        (this.#clients?.acknowledged ?? 0) > before
      if (isWhole) return
      if (systemClock.nowMs() > deadlineMs) {
        const said = this.#host.isRunning ? JSON.stringify(status) : `nothing: ${await this.#host.stop()}`
        throw new Error(`expected the cluster to be whole within ${WHOLE_MS_MAX} ms, got ${said}`)
      }
      await sleep(systemClock, 20)
    }
  }

  async #setUp(): Promise<void> {
    const { socketDirectory: host } = this.#places
    const { adminUrl, url } = this.#host.status!
    const port = await portIn(this.#places.directories.get(1)!)
    const owner = new URL(url!)
    const session = await openAsSuperuser({ host, port, database: NAME, password: new URL(adminUrl!).password })
    await session.query(`set role ${owner.username}; ${TABLES} reset role; ${PROBE_TABLE}`)
    await session.end()
  }

  async #judge(prober: ReturnType<typeof startProber>, password: string): Promise<void> {
    const { socketDirectory } = this.#places
    const place = { socketDirectory, database: NAME, password, directories: this.#places.directories }
    const primary = this.#host.status!.nodes.find(({ role }) => role === 'primary')!.id
    const ledger = await readLedger(place, primary)
    const { alone, guarded } = this.#faults
    const history = { attempts: this.#clients!.attempts, acceptances: prober.acceptances, alone, guarded }
    const isRequired = this.#options.followers.isSynchronous && this.#options.followers.durability === 'required'
    this.#defects.push(
      ...this.#clients!.defects,
      ...judgeRows(history, ledger.rows),
      ...judgeWriters(history),
      ...judgeTerms(history, ledger.terms, (node) => prober.portsOf(node)),
      ...judgeDurability(history, isRequired),
      ...ledger.defects,
      ...(await compareNodes(place, primary)),
    )
  }

  async #stop(): Promise<void> {
    const said = await this.#host.stop()
    // A start on a full disk is refused, with the reason; the next one came.
    if (said !== '' && !NO_SPACE.test(said)) this.#defects.push(`the control plane said: ${said}`)
    for (const [node, directory] of this.#places.directories) {
      const left = await serversIn(directory)
      if (left.length > 0) this.#defects.push(`node ${node} left processes ${left.map(({ pid }) => pid).join(', ')}`)
    }
    const entries = await readdir(join(this.#places.disk, NAME))
    const strange = entries.filter((entry) => /\.(new|old|tmp)\b/.test(entry))
    if (strange.length > 0) this.#defects.push(`left in the directory of the cluster: ${strange.join(', ')}`)
  }

  #follow(status: HostStatus): void {
    const address = addressOf(status)
    if (address !== undefined) this.#clients?.moveTo(address)
    const { alarm } = status
    if (alarm !== this.#alarm) {
      if (alarm !== undefined && this.#alarm === undefined) this.#figures.alarms++
      this.#log(alarm === undefined ? '  the alarm is over' : `  alarm: ${alarm}`)
      this.#alarm = alarm
    }
  }

  #log(text: string): void {
    this.#options.log(`${((systemClock.nowMs() - this.#bornMs) / 1_000).toFixed(1).padStart(6)} s ${text}`)
  }
}

function addressOf({ url, term, nodes }: HostStatus): DatabaseAddress | undefined {
  if (url === undefined) return undefined
  const replicas = nodes.flatMap(({ role, state, port }) => {
    if (role === 'primary' || state !== 'ready' || port === undefined) return []
    const replica = new URL(url)
    replica.port = String(port)
    return [{ url: replica.href }]
  })
  return { url, term, connectionsMax: 4, replicas }
}
