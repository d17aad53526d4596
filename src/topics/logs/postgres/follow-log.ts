import type { StatementRunner } from '../../topic-database.ts'
import type { StoredEvent } from '../../topic-log.ts'
import { readIncarnation } from './incarnation.ts'
import type { LogPosition } from './position.ts'
import { readLog } from './read-log.ts'
import { SCHEMA } from './schema-name.ts'
import { presentPosition } from './ticks.ts'

/*
 * For what every process has to hear: a reader without a group, whose position is in its memory and holds nothing. So slices
 * may be dropped that it has not read, and after a crash of the server its position means nothing: it is told so, and goes
 * on from the present.
 */

/** Where a follower is. */
export interface FollowPosition {
  /** Of the server; see `incarnation.ts`. */
  readonly incarnation: string
  readonly position: LogPosition
}

/** @see followLog */
export interface FollowRequest {
  readonly topic: number
  readonly partition: number
  /** @default the present: nothing that was published before */
  readonly after?: FollowPosition | undefined
  /** Events at most. */
  readonly max: number
}

/** What is new for a follower. */
export interface FollowReading {
  readonly events: readonly StoredEvent[]
  readonly position: FollowPosition
  /** Whether something between the two positions may be missing; so it is at the first reading. */
  readonly hasGap: boolean
  /** False if everything that was committed before the call has been read. */
  readonly isMore: boolean
}

/** One look is for one topic, whose events an index finds however much was published to others: windows need not be small. */
const WINDOW_MAX = 1_000_000_000

/** Reads the events of a partition behind a position, or begins at the present. */
export async function followLog(reader: StatementRunner, request: FollowRequest): Promise<FollowReading> {
  const { topic, partition, after, max } = request
  if (after === undefined) return begin(reader)
  const { incarnation, position } = after
  const batch = await readLog(reader, { topic, partition, position, max, incarnation, windowMax: WINDOW_MAX })
  // Looked at afterwards: what is there now was there when the events were read.
  if (batch === undefined || (await oldestSlice(reader)) > position.base.slice) return begin(reader)
  const { events, isMore, positionAfter } = batch
  return { events, position: { incarnation, position: positionAfter(events.length) }, hasGap: false, isMore }
}

async function begin(reader: StatementRunner): Promise<FollowReading> {
  // In this order: if the server crashes in between, the next reading finds another incarnation.
  const incarnation = await readIncarnation(reader)
  const position = await presentPosition(reader)
  return { events: [], position: { incarnation, position }, hasGap: true, isMore: false }
}

async function oldestSlice(reader: StatementRunner): Promise<number> {
  const { rows } = await reader.query<{ oldest: number }>(`select min(number) as oldest from ${SCHEMA}.slice`)
  return rows[0]?.oldest ?? Infinity
}
