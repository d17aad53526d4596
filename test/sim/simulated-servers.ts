import type { Observation } from '../../src/clusters/arbiter.ts'
import type { Random } from '../../src/core/random.ts'
import type { Agenda } from './agenda.ts'

/** A server, its disk, and what it is told. */
export interface SimulatedServer {
  readonly id: number
  /** What is on its disk: the numbers of writes. */
  readonly log: number[]
  /** `orphans`: the postmaster has ended, and back ends go on. */
  process: 'none' | 'orphans' | 'running'
  /** Whether it takes writes, or would if it were started. */
  isPrimary: boolean
  isStopped: boolean
  isCut: boolean
  /** One more at each start and each death. */
  life: number
  follows: number | undefined
  /** Whom COMMIT waits for. */
  waitsFor: Observation['waitsFor']
  /** How much each follower has confirmed. */
  readonly confirmed: Map<number, number>
}

/** Servers that copy each other's logs, and clients that write to whoever lets them. */
export interface SimulatedServers {
  readonly all: readonly SimulatedServer[]
  readonly acknowledged: readonly number[]
  get(id: number): SimulatedServer
  start(server: SimulatedServer): void
  /** kill -9 of the postmaster. */
  kill(server: SimulatedServer): void
  /** Every process is gone. */
  end(server: SimulatedServer): void
  isStreaming(server: SimulatedServer): boolean
  /** Whether its log is the beginning of the other's. */
  isPrefix(server: SimulatedServer, of: SimulatedServer): boolean
  /** Acknowledges what waits, by what is confirmed now. */
  release(server: SimulatedServer): void
  stopWriting(): void
}

export interface ServersOptions {
  readonly agenda: Agenda
  readonly random: Random
  readonly count: number
  /** A write was acknowledged: it is at this place in the log of the server. */
  onAcknowledged(write: number, server: SimulatedServer, place: number): void
}

const WRITERS = 2
const WRITE_MS = 40
const COPY_MS = 40
const ORPHANS_MS = 400

export function createSimulatedServers(options: ServersOptions): SimulatedServers {
  const { agenda, random, count, onAcknowledged } = options
  const all = Array.from({ length: count }, (_, index): SimulatedServer => ({
    id: index + 1,
    log: [],
    process: 'none',
    isPrimary: index === 0,
    isStopped: false,
    isCut: false,
    life: 0,
    follows: index === 0 ? undefined : 1,
    waitsFor: 'nobody',
    confirmed: new Map(),
  }))
  const acknowledged: number[] = []
  let waiting: { write: number; place: number; server: SimulatedServer; life: number }[] = []
  let writes = 0
  let isWriting = true

  const get = (id: number): SimulatedServer => all[id - 1]!
  const isPrefix = ({ log }: SimulatedServer, of: SimulatedServer): boolean =>
    log.length === 0 || of.log[log.length - 1] === log.at(-1)

  function isReached(server: SimulatedServer): boolean {
    if (server.process !== 'running' || server.isPrimary || server.isStopped || server.isCut) return false
    const source = server.follows === undefined ? undefined : get(server.follows)
    return source?.process === 'running' && source.isPrimary && !source.isStopped
  }

  function isStreaming(server: SimulatedServer): boolean {
    return isReached(server) && isPrefix(server, get(server.follows!))
  }

  function acknowledge(write: number, server: SimulatedServer, place: number): void {
    acknowledged.push(write)
    onAcknowledged(write, server, place)
  }

  function release(server: SimulatedServer): void {
    if (server.isStopped) return
    const { waitsFor, confirmed } = server
    const upTo =
      waitsFor === 'nobody'
        ? Infinity
        : Math.max(0, ...[...confirmed].map(([id, place]) => (waitsFor === 'any' || waitsFor === id ? place : 0)))
    const isDue = (each: (typeof waiting)[number]): boolean =>
      each.server === server && each.life === server.life && each.place <= upTo
    for (const { write, place } of waiting.filter(isDue)) acknowledge(write, server, place)
    waiting = waiting.filter((each) => each.life === each.server.life && !isDue(each))
  }

  /** A session of a client: it stays with its back end until that is gone, and then takes any server that lets it write. */
  function write(session: { server: SimulatedServer; life: number } | undefined): void {
    if (!isWriting) return
    let now = session
    if (now === undefined || now.server.life !== now.life || now.server.process === 'none') {
      const open = all.filter((server) => server.process === 'running' && server.isPrimary && !server.isStopped)
      const server = open.length === 0 ? undefined : random.pick(open)
      now = server === undefined ? undefined : { server, life: server.life }
    }
    if (now !== undefined && now.server.isPrimary && !now.server.isStopped) {
      const { server, life } = now
      waiting.push({ write: ++writes, place: server.log.push(writes), server, life })
      release(server)
    }
    agenda.after(1 + random.integer(WRITE_MS), () => write(now))
  }

  /** A follower gets what there is, has it on its disk, and says so a little later. */
  function copy(server: SimulatedServer): void {
    if (isStreaming(server)) {
      const source = get(server.follows!)
      const { life } = source
      server.log.push(...source.log.slice(server.log.length, server.log.length + 1 + random.integer(20)))
      const place = server.log.length
      agenda.after(random.integer(10), () => {
        if (source.life !== life || source.process === 'none') return
        source.confirmed.set(server.id, place)
        release(source)
      })
    }
    agenda.after(1 + random.integer(COPY_MS), () => copy(server))
  }

  for (let writer = 0; writer < WRITERS; writer++) write(undefined)
  for (const server of all) copy(server)

  function end(server: SimulatedServer): void {
    Object.assign(server, { process: 'none', isStopped: false, life: server.life + 1 })
    server.confirmed.clear()
  }

  return {
    all,
    acknowledged,
    get,
    isStreaming,
    isPrefix,
    release,
    end,
    start(server) {
      if (server.process !== 'none') return
      server.process = 'running'
      server.life++
    },
    kill(server) {
      if (server.process !== 'running') return
      server.process = 'orphans'
      const { life } = server
      // Some wait for a disk, or are stopped: they go on until somebody kills them.
      if (random.integer(4) === 0) return
      agenda.after(random.integer(ORPHANS_MS), () => {
        if (server.life === life && server.process === 'orphans' && !server.isStopped) end(server)
      })
    },
    stopWriting() {
      isWriting = false
    },
  }
}
