import type { Clock } from '../../core/clock.ts'
import { sleep, systemClock } from '../../core/clock.ts'
import type { Component } from '../../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../../core/component.ts'
import { createRelay } from '../outbox-relay.ts'
import type { TopicDatabase } from '../topic-database.ts'
import type { JoinOptions, Membership, PartitionClaim, TopicLog } from '../topic-log.ts'
import { reportTrouble } from '../trouble.ts'
import { registerGroup } from './postgres/group-catalog.ts'
import type { TopicMove } from './postgres/move-topic.ts'
import { isDrained, isElsewhere, readMove } from './postgres/move-topic.ts'
import { createTopicCatalog } from './postgres/topic-catalog.ts'

/*
 * A log in PostgreSQL that moves to another engine; `postgres/move-topic.ts` has the states and invariants. Here is what
 * members do about them, each by looking at the state now and then: one that is late does nothing wrong, only nothing yet.
 *
 * - A member is in the group of the old log all the time. It gets no partition there that is drained.
 * - While the topic is `moving` or `moved`, it is in the group of the new log, too. The work on a partition there begins
 *   when the group has drained it here, whoever did that.
 * - The relay runs only then.
 * A key is in the same partition of both logs, and one partition is worked on in one log at a time, so that its order
 * stands. Effects happen once: in the old log as before, so that members which know nothing of the move fit in; in the new one
 * by the inbox.
 */

/** @see createMovingLog */
export interface MovingLogOptions {
  /** The log that moves. It becomes the outbox of the other, so that those who publish change nothing. */
  readonly from: TopicLog
  /** Its database. */
  readonly database: TopicDatabase
  /** Where it moves, with the same topics and partitions. */
  readonly to: TopicLog
  readonly clock?: Clock
}

/**
 * A log that works as `from` until `beginMove`, and after that goes on in `to`. Use it in every process that consumes before
 * the move begins, until it is finished or taken back; processes that have only `from` read on to the end of it, and no further.
 *
 * Events of a transaction of `database` are published with it, as before. A group that is new and begins `'now'` while the
 * topic is moving begins with what was published since the move began.
 */
export function createMovingLog(options: MovingLogOptions): TopicLog {
  const { from, to, database, clock = systemClock } = options
  const catalog = createTopicCatalog(database)
  return {
    capabilities: from.capabilities,
    isIn: (other) => from.isIn(other),
    publish: (topic, events, more) => from.publish(topic, events, more),
    async join(joining) {
      if ((await readMove(database, joining.topic)) === 'moved') {
        // For good: nothing of the old log is wanted, and a group that is new begins where it is told to.
        return to.join({ ...joining, run: (claim) => joining.run(withoutTransactions(claim)) })
      }
      const membership = await from.join(joining)
      const consumer = await registerGroup(database, await catalog.find(joining.topic), joining.group)
      return new Member({ ...options, clock, joining, membership, consumer })
    },
    async moveGroup(topic, group, where) {
      if ((await readMove(database, topic)) === 'moved') return to.moveGroup(topic, group, where)
      // First here, so that nothing of the new log is begun before this is read again.
      await from.moveGroup(topic, group, where)
      if (isElsewhere(await readMove(database, topic))) await to.moveGroup(topic, group, where)
    },
    async deadLetters(topic, group) {
      // The same letters; a group that has never read here needs no progress here.
      return ((await readMove(database, topic)) === 'moved' ? to : from).deadLetters(topic, group)
    },
    onWake(topic, callback) {
      const ends = [from.onWake(topic, callback), to.onWake(topic, callback)]
      return () => {
        for (const end of ends) end()
      }
    },
  }
}

/**
 * The relay of a topic that moves: carries what is published after the move has begun, and nothing before. As `createRelay`,
 * as many as one likes may run.
 */
export function createMovingRelay({
  from,
  to,
  database,
  clock = systemClock,
  topic,
}: MovingLogOptions & { topic: string }): Component {
  const relay = createRelay({ outbox: from, log: to, topic, clock })
  let watch: MoveWatch | undefined
  return {
    async start() {
      watch ??= watchMove({ database, topic, clock }, (move) => (isElsewhere(move) ? relay.start() : relay.stop()))
    },
    async stop(deadlineMs = STOP_DEADLINE_MS_DEFAULT) {
      await watch?.end()
      watch = undefined
      await relay.stop(deadlineMs)
    },
  }
}

/** Looks at the state of the move so often. */
const LOOK_MS = 1_000

interface MemberOptions extends MovingLogOptions {
  readonly clock: Clock
  readonly joining: JoinOptions
  /** In the old log. */
  readonly membership: Membership
  readonly consumer: number
}

class Member implements Membership {
  readonly #options: MemberOptions
  readonly #watch: MoveWatch
  #there: Membership | undefined

  constructor(options: MemberOptions) {
    this.#options = options
    const { database, clock, joining } = options
    this.#watch = watchMove({ database, clock, topic: joining.topic }, async (move) => {
      if (isElsewhere(move)) {
        this.#there ??= await options.to.join({ ...joining, run: (claim) => this.#run(claim) })
      } else {
        const there = this.#there
        this.#there = undefined
        await there?.leave(STOP_DEADLINE_MS_DEFAULT)
      }
    })
  }

  async leave(deadlineMs: number): Promise<void> {
    await this.#watch.end()
    await Promise.all([this.#options.membership.leave(deadlineMs), this.#there?.leave(deadlineMs)])
  }

  async #run(claim: PartitionClaim): Promise<void> {
    const { database, clock, consumer, joining } = this.#options
    const ended = AbortSignal.any([claim.ending, claim.lost])
    while (!ended.aborted && !(await this.#isDrained({ consumer, partition: claim.partition }, database))) {
      await sleep(clock, LOOK_MS / 2, ended).catch(() => undefined)
    }
    if (!ended.aborted) await joining.run(withoutTransactions(claim))
  }

  async #isDrained(place: Parameters<typeof isDrained>[1], database: TopicDatabase): Promise<boolean> {
    try {
      return await isDrained(database, place)
    } catch (error) {
      reportTrouble('looking whether a partition is read to its end', error)
      return false
    }
  }
}

interface MoveWatch {
  /** Nothing is called any more when it resolves. */
  end(): Promise<void>
}

/** Calls back when the state has changed, one call after the other, and again if one fails. */
function watchMove(
  { database, topic, clock }: { readonly database: TopicDatabase; readonly topic: string; readonly clock: Clock },
  onChange: (move: TopicMove) => Promise<void>,
): MoveWatch {
  const ended = new AbortController()
  const { signal } = ended
  async function watch(): Promise<void> {
    let seen: boolean | undefined
    while (!signal.aborted) {
      try {
        const move = await readMove(database, topic)
        if (isElsewhere(move) !== seen && !signal.aborted) {
          await onChange(move)
          seen = isElsewhere(move)
        }
      } catch (error) {
        reportTrouble(`following the move of ${topic}`, error)
      }
      await sleep(clock, LOOK_MS, signal).catch(() => undefined)
    }
  }
  const watching = watch()
  return {
    async end() {
      ended.abort()
      await watching
    },
  }
}

/** A claim of the new log: what it commits is not in the database of the old one. */
function withoutTransactions(claim: PartitionClaim): PartitionClaim {
  const { partition, epoch, mayRepeat, ending, lost } = claim
  return {
    partition,
    epoch,
    mayRepeat,
    ending,
    lost,
    commitsInTransaction: false,
    read: (max) => claim.read(max),
    commit: (sequence) => claim.commit(sequence),
    rolledBack: () => claim.rolledBack(),
  }
}
