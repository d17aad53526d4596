import type { Decision, Observation, ObservedNode } from '../../src/clusters/arbiter.ts'
import { decide } from '../../src/clusters/arbiter.ts'
import type { Random } from '../../src/core/random.ts'
import type { Agenda } from './agenda.ts'
import type { SimulatedServer, SimulatedServers } from './simulated-servers.ts'

/** What outlives the operator. */
export interface SimulatedRecord {
  primary: number
  term: number
  synchronous: number | undefined
}

/** A process that does what the arbiter says. */
export interface SimulatedOperator {
  /** kill -9, at whatever it does. */
  kill(): void
}

export interface OperatorOptions {
  readonly agenda: Agenda
  readonly random: Random
  readonly servers: SimulatedServers
  readonly record: SimulatedRecord
  readonly isRequired: boolean
  readonly say: (text: string) => void
  readonly onPromoted: (server: SimulatedServer) => void
}

/** Steps of a driver: how long each takes, in ms. Whoever runs it may stop at any of them. */
type Steps = Generator<number, void, void>

/** What was answered last, and is true no more when it is used. */
interface Answer {
  readonly length: number
  readonly followers: ReadonlyMap<number, { readonly isStreaming: boolean; readonly confirmed: number }>
}

const LOOK_MS = 200

/** Takes over what runs, and follows up on it, as `cluster-operator.ts` does; what it knows is as old as there. */
export function startOperator(options: OperatorOptions): SimulatedOperator {
  const { agenda, random, servers, record, isRequired, say, onPromoted } = options
  const known = new Map<number, ObservedNode['server']>(servers.all.map(({ id }) => [id, 'lost']))
  let isDead = false
  let isBusy = false
  let answer: Answer | undefined
  let answers = 0
  let answersBefore = 0
  let silentSinceMs: number | undefined
  let awaited = new Map<number, { readonly place: number; readonly sinceMs: number }>()
  let barrier: number | undefined
  let waitsFor: Observation['waitsFor'] = 'nobody'
  let attachedTo = ''

  const primary = (): SimulatedServer => servers.get(record.primary)
  const isDeciding = (): boolean => isBusy
  const takes = (ms: number): number => 1 + random.integer(ms)
  const nameOf = ({ id, life }: SimulatedServer): string => `${id}.${life}`

  function run(steps: Steps): void {
    if (isDead) return
    const { done, value } = steps.next()
    if (done !== true) agenda.after(value, () => run(steps))
  }

  /** The end of a postmaster is seen soon. */
  function watch(server: SimulatedServer): void {
    const { life } = server
    const look = (): void => {
      if (isDead || known.get(server.id) === 'dead') return
      if (server.life === life && server.process === 'running') agenda.after(takes(50), look)
      else known.set(server.id, 'lost')
    }
    look()
  }

  function* start(server: SimulatedServer): Steps {
    yield takes(200)
    // Orphans are ended before a server is started.
    if (server.process === 'orphans') servers.end(server)
    servers.start(server)
    yield takes(100)
    if (server.process !== 'running') return
    known.set(server.id, server.isPrimary ? 'primary' : 'follower')
    watch(server)
  }

  function* fence(server: SimulatedServer): Steps {
    yield takes(10)
    servers.end(server)
    yield takes(20)
    known.set(server.id, 'dead')
  }

  function* drive(): Steps {
    for (const server of servers.all) if (server !== primary() && server.isPrimary) yield* fence(server)
    yield* start(primary())
    for (;;) {
      isBusy = true
      const decision = yield* step()
      isBusy = false
      yield decision.step === 'none' ? LOOK_MS + random.integer(LOOK_MS) : 1
      if (decision.step === 'none') yield* ask()
    }
  }

  function* step(): Generator<number, Decision, void> {
    if (known.get(record.primary) === 'primary' && attachedTo !== nameOf(primary())) yield* attach()
    const decision = decide(observe())
    if (decision.step !== 'none') say(`${decision.step} ${'node' in decision ? decision.node : ''}: ${decision.reason}`)
    yield* act(decision)
    return decision
  }

  function* attach(): Steps {
    const { synchronous } = record
    waitsFor = synchronous ?? (isRequired ? 'any' : 'nobody')
    yield* tell(waitsFor)
    barrier = primary().log.length
    attachedTo = nameOf(primary())
    forget()
    for (const server of servers.all) if (server !== primary()) server.follows = record.primary
  }

  /** Sessions hear of it one by one, until it is certain that all have: here, at some moment before. */
  function* tell(whom: Observation['waitsFor']): Steps {
    const server = primary()
    yield takes(30)
    server.waitsFor = whom
    servers.release(server)
    yield takes(30)
  }

  function forget(): void {
    answer = undefined
    silentSinceMs = undefined
    awaited = new Map()
  }

  function* ask(): Steps {
    const server = primary()
    if (known.get(server.id) !== 'primary') return
    const askedMs = agenda.nowMs
    yield takes(10)
    if (server.isStopped || server.process !== 'running') {
      silentSinceMs ??= askedMs
      yield 1_000
      return
    }
    const followers = servers.all.filter(({ follows }) => follows === server.id)
    const next: Answer = {
      length: server.log.length,
      followers: new Map(
        followers.map((each) => [
          each.id,
          { isStreaming: servers.isStreaming(each), confirmed: server.confirmed.get(each.id) ?? 0 },
        ]),
      ),
    }
    yield takes(20)
    if (attachedTo !== nameOf(server)) return
    silentSinceMs = undefined
    answer = next
    answers++
    awaited = new Map(
      [...next.followers].map(([id, { confirmed }]) => {
        const before = awaited.get(id)
        const isOpen = before !== undefined && confirmed < before.place
        return [id, isOpen ? before : { place: next.length, sinceMs: agenda.nowMs }]
      }),
    )
  }

  function observe(): Observation {
    const isBarrierSure = answers > answersBefore + 1
    return {
      ...record,
      waitsFor,
      wants: { isSynchronous: true, isRequired },
      nodes: servers.all.map(({ id }): ObservedNode => {
        const seen = answer?.followers.get(id)
        const open = awaited.get(id)
        const isOpen = open !== undefined && (seen?.confirmed ?? 0) < open.place
        return {
          id,
          server: known.get(id)!,
          silentMs: id === record.primary && silentSinceMs !== undefined ? agenda.nowMs - silentSinceMs : 0,
          isStreaming: seen?.isStreaming === true,
          behindMs: isOpen ? agenda.nowMs - open.sinceMs : 0,
          isClose: seen !== undefined && answer!.length - seen.confirmed < 50,
          hasCaughtUp: isBarrierSure && barrier !== undefined && (seen?.confirmed ?? 0) >= barrier,
        }
      }),
    }
  }

  function* act(decision: Decision): Steps {
    switch (decision.step) {
      case 'none':
        return
      case 'fence':
        if (decision.node === record.primary) attachedTo = ''
        yield* fence(servers.get(decision.node))
        return
      case 'lead':
        yield takes(10)
        Object.assign(record, { primary: decision.node, term: record.term + 1, synchronous: undefined })
        yield takes(10)
        return
      case 'promote':
        forget()
        yield* promote(primary())
        return
      case 'restart':
        attachedTo = ''
        yield takes(300)
        if (decide(observe()).step === 'restart') yield* start(primary())
        return
      case 'wait-for':
      case 'wait-for-nobody':
        barrier = undefined
        waitsFor = decision.step === 'wait-for' ? decision.node : 'nobody'
        yield* tell(waitsFor)
        barrier = primary().log.length
        answersBefore = answers
        return
      case 'record-synchronous':
        yield takes(10)
        record.synchronous = decision.node
        yield takes(10)
        return
      case 'record-asynchronous':
        yield takes(10)
        record.synchronous = undefined
        yield takes(10)
        return
    }
  }

  /** The server goes on with it whatever becomes of who has asked. */
  function* promote(server: SimulatedServer): Steps {
    const { life } = server
    agenda.after(takes(100), () => {
      if (server.life !== life || server.process !== 'running' || server.isPrimary) return
      server.waitsFor = isRequired ? 'any' : 'nobody'
      server.isPrimary = true
      server.follows = undefined
      onPromoted(server)
    })
    for (let look = 0; look < 100 && !server.isPrimary && server.life === life; look++) yield 5
    if (server.isPrimary && server.life === life) known.set(server.id, 'primary')
    else yield* fence(server)
  }

  /** As `follower-keeper.ts`: brings it up, and copies it anew when its log has gone another way. */
  function* keep(server: SimulatedServer): Steps {
    for (; ; yield takes(100)) {
      if (server.id === record.primary || attachedTo === '') continue
      const source = primary()
      const isHopeless = server.process === 'running' && !server.isPrimary && !servers.isPrefix(server, source)
      if (isHopeless || server.isPrimary) {
        yield* fence(server)
        while (isDeciding()) yield 5
        if (server.id === record.primary) continue
        if (record.synchronous === server.id) record.synchronous = undefined
        const [life, length] = [source.life, source.log.length]
        yield 200 + takes(1_000)
        if (source.life !== life || source.id !== record.primary || !source.isPrimary) continue
        server.log.splice(0, Infinity, ...source.log.slice(0, length))
        server.isPrimary = false
        say(`copied ${server.id}`)
      }
      const isUp = server.process === 'running' && known.get(server.id) === 'follower'
      if (isUp || server.isPrimary || server.id === record.primary) continue
      server.follows = record.primary
      yield* start(server)
    }
  }

  say('operator')
  run(drive())
  for (const server of servers.all) run(keep(server))
  return {
    kill() {
      isDead = true
    },
  }
}
