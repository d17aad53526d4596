import { sleep, systemClock } from '../../../src/core/clock.ts'
import type { Cluster } from '../../../src/clusters/cluster-state.ts'
import type { DatabaseConnection } from '../../../src/sql/database.ts'
import type { TestBed } from './test-bed.ts'

/** Writers of which each row says whether it was acknowledged. */
export interface UniqueWriters {
  /** Longest time without an acknowledged write since the last call. */
  gapMs(): number
  acknowledged(): number
  /** Ends the writers, and compares what was acknowledged with what is there. */
  end(): Promise<{ readonly lost: number; readonly duplicated: number }>
}

const WRITERS = 4

/** Writes rows into table `entry` of a cluster, at whatever address it has, until ended. */
export async function writeUniqueRows(bed: TestBed, cluster: Cluster): Promise<UniqueWriters> {
  const setUp = bed.connect(cluster.url())
  await setUp.query('create table entry (id int not null)')
  await setUp.end()
  const acknowledged: number[] = []
  const ending = new AbortController()
  let next = 0
  let lastMs = systemClock.nowMs()
  let gapMs = 0

  async function write(): Promise<void> {
    let url = ''
    let connection: DatabaseConnection | undefined
    while (!ending.signal.aborted) {
      if (url !== cluster.url()) {
        await connection?.end()
        url = cluster.url()
        connection = bed.connect(url, { connectionsMax: 1, acquireTimeout: '200ms' })
      }
      const id = ++next
      try {
        await connection!.query('insert into entry values ($1)', [id])
      } catch {
        // Not acknowledged; it may be there or not.
        await sleep(systemClock, 10)
        continue
      }
      acknowledged.push(id)
      const nowMs = systemClock.nowMs()
      gapMs = Math.max(gapMs, nowMs - lastMs)
      lastMs = nowMs
    }
    await connection?.end()
  }

  const writers = Array.from({ length: WRITERS }, write)
  return {
    gapMs() {
      const longest = Math.max(gapMs, systemClock.nowMs() - lastMs)
      gapMs = 0
      return longest
    },
    acknowledged: () => acknowledged.length,
    async end() {
      ending.abort()
      await Promise.all(writers)
      const connection = bed.connect(cluster.url())
      const { rows } = await connection.query<{ id: number; count: number }>(
        'select id, count(*)::int as count from entry group by id',
      )
      await connection.end()
      const counts = new Map(rows.map(({ id, count }) => [id, count]))
      return {
        lost: acknowledged.filter((id) => !counts.has(id)).length,
        duplicated: acknowledged.filter((id) => counts.get(id)! > 1).length,
      }
    },
  }
}
