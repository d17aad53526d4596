import type { Clock } from '../core/clock.ts'
import { sleep, withTimeout } from '../core/clock.ts'
import type { NodeLink } from './node-link.ts'
import type { Position } from './position.ts'
import { askPosition } from './position.ts'
import type { PrimarySample, ReplicaSighting } from './replica-choice.ts'
import { chooseReplica, freshAsOf } from './replica-choice.ts'

/** What a reader asks for. */
export interface ReadBounds {
  /** The read has to see at least this. */
  readonly after: Position | undefined
  /** How long to wait for a replica that has not got there yet. */
  readonly waitMs: number
  /** How far behind the primary a replica may be. */
  readonly lagMaxMs: number
}

/** The replicas of a database, and how far each of them is. */
export interface ReplicaSet {
  /** The replica for a read; undefined: the primary. Never fails, and takes `waitMs` and an answer at most. */
  choose(bounds: ReadBounds): Promise<NodeLink | undefined>
  /** Uses exactly these; the others end their work and are closed. */
  moveTo(urls: readonly string[]): void
  end(): Promise<void>
}

/** @see createReplicaSet */
export interface ReplicaSetOptions {
  readonly clock: Clock
  /** Where the primary is now. */
  primaryPosition(): Promise<Position>
  link(url: string): NodeLink
}

/** How old the last look at the nodes may be before the next read causes another. */
const LOOK_AFTER_MS = 200
/** A node that does not answer within this is not asked to read. */
const ANSWER_MS = 250
/** Between looks while a read waits for a replica to get there. */
const POLL_MS = 5
/** Moments of the primary that are remembered: enough for a lag of seconds. */
const SAMPLES_MAX = 64

/** A node that is asked now and then where it is. */
interface Asked {
  isBeingAsked: boolean
  /** It did not answer when it was asked last: it is asked again, but nobody waits for that. */
  isSilent: boolean
}

interface Replica extends Asked {
  readonly url: string
  readonly link: NodeLink
  position: Position | undefined
  freshAsOfMs: number | undefined
}

/** Opens nothing before the first read. */
export function createReplicaSet(options: ReplicaSetOptions): ReplicaSet {
  const { clock, primaryPosition, link } = options
  const primary: Asked = { isBeingAsked: false, isSilent: false }
  let replicas: readonly Replica[] = []
  let samples: readonly PrimarySample[] = []
  /** When the latest look that has ended began. */
  let lookedAtMs = Number.NEGATIVE_INFINITY
  let looking: Promise<void> | undefined
  const closing = new Set<Promise<void>>()

  /** The primary first: what a replica has when it answers later, it is known to have had at the primary's moment. */
  async function look(): Promise<void> {
    const atMs = clock.nowMs()
    await ask(primary, primaryPosition, (position) => {
      samples = [...samples.slice(1 - SAMPLES_MAX), { atMs, position }]
    })
    await Promise.all(replicas.map((replica) => lookAt(replica)))
    lookedAtMs = atMs
  }

  function lookAt(replica: Replica): Promise<void> {
    const question = (): Promise<Position> =>
      askPosition({ ask: (text, values) => replica.link.read(text, values) }, true)
    return ask(replica, question, (position) => {
      replica.position = position
      replica.freshAsOfMs = freshAsOf(position, samples)
    })
  }

  /** Waits for the answer, unless the node gave none the last time; one that hangs does not collect questions. */
  async function ask(
    node: Asked,
    question: () => Promise<Position>,
    take: (position: Position) => void,
  ): Promise<void> {
    if (node.isBeingAsked) return
    node.isBeingAsked = true
    const wasSilent = node.isSilent
    const answer = question().finally(() => (node.isBeingAsked = false))
    const taken = withTimeout(clock, ANSWER_MS, 'the place of a node', answer)
      .then(take)
      .then(
        () => (node.isSilent = false),
        () => (node.isSilent = true),
      )
    if (!wasSilent) await taken
  }

  function lookOnce(): Promise<void> {
    looking ??= look().finally(() => (looking = undefined))
    return looking
  }

  function retire(replica: Replica): void {
    const closed = replica.link.end().catch(() => undefined)
    closing.add(closed)
    void closed.finally(() => closing.delete(closed))
  }

  return {
    async choose({ after, waitMs, lagMaxMs }) {
      const startMs = clock.nowMs()
      let hasLooked = false
      for (;;) {
        const nowMs = clock.nowMs()
        const speaking = replicas.filter(({ isSilent }) => !isSilent)
        const isOld = nowMs - lookedAtMs > LOOK_AFTER_MS
        const choice = chooseReplica({ nowMs, replicas: speaking.map(sightingOf), lagMaxMs, after })
        if (isOld && replicas.length > 0) void lookOnce()
        if (choice.kind === 'replica') return speaking[choice.index]?.link
        if (isOld && !hasLooked && speaking.length > 0) {
          hasLooked = true
          await looking
        } else if (choice.kind === 'primary' || nowMs - startMs >= waitMs) return undefined
        else {
          await sleep(clock, POLL_MS)
          await lookOnce()
        }
      }
    },
    moveTo(urls) {
      for (const replica of replicas) if (!urls.includes(replica.url)) retire(replica)
      replicas = urls.map(
        (url) =>
          replicas.find((replica) => replica.url === url) ?? {
            url,
            link: link(url),
            position: undefined,
            freshAsOfMs: undefined,
            isBeingAsked: false,
            isSilent: false,
          },
      )
      lookedAtMs = Number.NEGATIVE_INFINITY
      primary.isSilent = false
    },
    async end() {
      await Promise.all([...closing, ...replicas.map((replica) => replica.link.end())])
    },
  }
}

function sightingOf({ position, freshAsOfMs, link }: Replica): ReplicaSighting {
  return { position, freshAsOfMs, inFlight: link.inFlight }
}
