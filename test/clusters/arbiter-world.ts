import type { Arbitrary } from 'fast-check'
import { constant, constantFrom, integer, oneof, record as objects } from 'fast-check'
import type { Decision, Observation, ObservedNode } from '../../src/clusters/arbiter.ts'
import { BEHIND_MS_MAX, SILENT_MS_MAX, decide } from '../../src/clusters/arbiter.ts'

/** Something that happens to a cluster. */
export type WorldEvent =
  | { readonly kind: 'commit' }
  /** A follower gets some of the log. */
  | { readonly kind: 'replicate'; readonly node: number; readonly entries: number }
  /** The postmaster dies; a back end may still acknowledge what it was about to. */
  | { readonly kind: 'kill'; readonly node: number }
  | { readonly kind: 'start-follower'; readonly node: number }
  | { readonly kind: 'cut' | 'connect' | 'hang'; readonly node: number }
  /** The arbiter decides, and its driver does it. */
  | { readonly kind: 'step' }
  /** The driver looks, is killed, and a new one begins with the record alone. */
  | { readonly kind: 'restart-driver' }

const anyNode = constantFrom(1, 1, 2, 2, 2, 3, 4)

export const worldEvents: Arbitrary<WorldEvent> = oneof(
  { weight: 6, arbitrary: constant<WorldEvent>({ kind: 'commit' }) },
  {
    weight: 5,
    arbitrary: objects({ kind: constant('replicate'), node: anyNode, entries: integer({ min: 1, max: 4 }) }),
  },
  { weight: 10, arbitrary: constant<WorldEvent>({ kind: 'step' }) },
  { weight: 1, arbitrary: constant<WorldEvent>({ kind: 'restart-driver' }) },
  {
    weight: 4,
    arbitrary: objects({
      kind: constantFrom('kill', 'start-follower', 'start-follower', 'cut', 'connect', 'connect', 'hang'),
      node: anyNode,
    }),
  },
) as Arbitrary<WorldEvent>

interface WorldNode {
  readonly id: number
  process: 'none' | 'orphans' | 'running'
  isPrimary: boolean
  isCut: boolean
  isHanging: boolean
  /** What it has on its disk. */
  log: readonly number[]
}

/** A cluster of which only the record and the processes are real to the arbiter: everything else it has to deduce. */
export function createArbiterWorld(options: { readonly nodes: number; readonly isRequired: boolean }) {
  const ids = Array.from({ length: options.nodes }, (_, index) => index + 1)
  const nodes = ids.map((id): WorldNode => ({
    id,
    process: 'running',
    isPrimary: id === 1,
    isCut: false,
    isHanging: false,
    log: [],
  }))
  const acknowledged: number[] = []
  /** Written on the primary, and waiting for a follower. */
  let waiting: number[] = []
  let record: { primary: number; synchronous: number | undefined } = { primary: 1, synchronous: undefined }
  let waitsFor: Observation['waitsFor'] = 'nobody'
  let barrier: number | undefined
  let commits = 0

  const find = (id: number): WorldNode | undefined => nodes.find((node) => node.id === id)
  const writers = (): readonly WorldNode[] => nodes.filter(({ process, isPrimary }) => process !== 'none' && isPrimary)
  const primary = (): WorldNode => find(record.primary)!
  const writable = (): WorldNode | undefined => {
    const node = primary()
    return node.isPrimary && node.process === 'running' && !node.isHanging ? node : undefined
  }
  const isReached = (node: WorldNode): boolean =>
    node.process === 'running' &&
    !node.isPrimary &&
    !node.isCut &&
    primary().isPrimary &&
    primary().process === 'running'
  /** A log that has gone another way is not sent on. */
  const isPrefix = (node: WorldNode): boolean => node.log.every((entry, index) => primary().log[index] === entry)
  const isStreaming = (node: WorldNode): boolean => isReached(node) && isPrefix(node)

  function acknowledge(): void {
    const holders = waitsFor === 'any' ? nodes.filter((node) => node !== primary()) : [find(Number(waitsFor))]
    const isThere = (entry: number): boolean =>
      waitsFor === 'nobody' || holders.some((node) => node?.isPrimary === false && node.log.includes(entry))
    acknowledged.push(...waiting.filter(isThere))
    waiting = waiting.filter((entry) => !isThere(entry))
  }

  function observe(): Observation {
    const source = primary()
    return {
      ...record,
      waitsFor,
      wants: { isSynchronous: true, isRequired: options.isRequired },
      nodes: nodes.map((node): ObservedNode => {
        const streams = isStreaming(node)
        const server = { none: 'dead', orphans: 'lost', running: node.isPrimary ? 'primary' : 'follower' } as const
        return {
          id: node.id,
          server: server[node.process],
          silentMs: node.isHanging ? SILENT_MS_MAX : 0,
          isStreaming: streams,
          behindMs: node.isHanging ? BEHIND_MS_MAX : 0,
          isClose: source.log.length - node.log.length < 3,
          hasCaughtUp: barrier !== undefined && node.log.length >= barrier,
        }
      }),
    }
  }

  function act(decision: Decision): void {
    switch (decision.step) {
      case 'none':
        return
      case 'fence': {
        Object.assign(find(decision.node)!, { process: 'none', isHanging: false })
        if (decision.node === record.primary) waiting = []
        return
      }
      case 'lead':
        record = { primary: decision.node, synchronous: undefined }
        // Whoever was a primary is started as a follower from now on, after it was copied anew where that is needed.
        for (const node of nodes) if (node.id !== decision.node && node.process === 'none') node.isPrimary = false
        return
      case 'promote':
        primary().isPrimary = true
        attach()
        return
      case 'restart':
        primary().process = 'running'
        if (primary().isPrimary) attach()
        return
      case 'wait-for':
        waitsFor = decision.node
        barrier = primary().log.length
        return
      case 'wait-for-nobody':
        waitsFor = 'nobody'
        acknowledge()
        return
      case 'record-synchronous':
        record = { ...record, synchronous: decision.node }
        return
      case 'record-asynchronous':
        record = { ...record, synchronous: undefined }
        return
    }
  }

  /** A driver that knows only the record tells the primary whom it waits for. */
  function attach(): void {
    waiting = []
    waitsFor = record.synchronous ?? (options.isRequired ? 'any' : 'nobody')
    barrier = undefined
  }

  function replicate(node: WorldNode, entries: number): void {
    if (!isReached(node) || node.isHanging) return
    const source = primary().log
    if (!isPrefix(node)) {
      // It is copied anew, once nobody counts on it.
      if (record.synchronous === node.id) record = { ...record, synchronous: undefined }
      node.log = [...source]
    } else node.log = source.slice(0, node.log.length + entries)
    acknowledge()
  }

  function happen(event: WorldEvent): void {
    const node = 'node' in event ? find(event.node) : undefined
    switch (event.kind) {
      case 'commit': {
        const target = writable()
        if (target === undefined) return
        target.log = [...target.log, ++commits]
        waiting.push(commits)
        acknowledge()
        return
      }
      case 'replicate':
        if (node !== undefined) replicate(node, event.entries)
        return
      case 'kill':
        if (node?.process === 'running') node.process = 'orphans'
        return
      case 'start-follower':
        if (node === undefined || node.id === record.primary || node.process === 'running') return
        // What was not seen dead is killed before it is started, and it is never started as a primary.
        Object.assign(node, { process: 'running', isPrimary: false, isHanging: false })
        return
      case 'cut':
      case 'connect':
        if (node !== undefined) node.isCut = event.kind === 'cut'
        return
      case 'hang':
        if (node?.process === 'running') node.isHanging = true
        return
      case 'step':
        act(decide(observe()))
        return
      case 'restart-driver':
        if (primary().isPrimary && primary().process === 'running') attachAgain()
        return
    }
  }

  /** As `attach`, on a server that has run all the time: those who wait go on waiting. */
  function attachAgain(): void {
    const before = waiting
    attach()
    waiting = before
    acknowledge()
  }

  return {
    happen,
    /** Everything gets well, and the driver goes on for a while. */
    calm() {
      for (const node of nodes) Object.assign(node, { isCut: false, isHanging: false })
      for (let round = 0; round < 40; round++) {
        for (const node of nodes) {
          if (node.id !== record.primary) happen({ kind: 'start-follower', node: node.id })
          happen({ kind: 'replicate', node: node.id, entries: 1_000 })
        }
        happen({ kind: 'step' })
      }
    },
    isWritable: () => writable() !== undefined,
    problem(): string | undefined {
      if (writers().length > 1) return `nodes ${writers().map(({ id }) => id)} write`
      const node = writable()
      if (node === undefined) return undefined
      const lost = acknowledged.filter((entry) => !node.log.includes(entry))
      return lost.length === 0 ? undefined : `node ${node.id} lacks ${lost}`
    },
  }
}
