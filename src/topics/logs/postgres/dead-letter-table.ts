import type { DeadLetter, DeadLetters } from '../../dead-letters.ts'
import type { TopicDatabase } from '../../topic-database.ts'
import { SCHEMA } from './layout.ts'

/** The letters of a group in `tenfold_topics.dead_letter`: a small table, so that rows may change and leave. */
export function createDeadLetters(database: TopicDatabase, consumer: number): DeadLetters {
  async function select(where: string, values: readonly unknown[], max: number): Promise<readonly DeadLetter[]> {
    const { rows } = await database.query<LetterRow>(
      `select ${COLUMNS} from ${SCHEMA}.dead_letter where consumer = $1 and ${where} order by number limit $2`,
      [consumer, max, ...values],
    )
    return rows.map(letterOf)
  }
  return {
    async add(event, { state, isBlocking, attempts, cause }, progress) {
      const { partition, messageId, id, key = null, headers, payload, publishedEpochMs } = event
      const letter = [consumer, partition, messageId, id, key, JSON.stringify(headers), payload, publishedEpochMs]
      const values = [...letter, state, isBlocking, attempts, cause.slice(0, CAUSE_MAX)]
      if (progress === undefined || progress.claim.commitsInTransaction === false) {
        await database.query(INSERT, values)
        // Behind it, so that none is lost between both.
        await progress?.claim.commit(progress.sequence)
        return
      }
      const { claim, sequence } = progress
      try {
        await database.transaction(async (tx) => {
          await tx.query(INSERT, values)
          await claim.commit(sequence, { transaction: tx })
        })
      } catch (error) {
        claim.rolledBack()
        throw error
      }
    },
    async blockedKeys(partition) {
      const { rows } = await database.query<{ key: string }>(
        `select distinct key from ${SCHEMA}.dead_letter
         where consumer = $1 and partition = $2 and is_blocking and key is not null`,
        [consumer, partition],
      )
      return rows.map(({ key }) => key)
    },
    due: (partition, max) => select(`partition = $3 and state = 'due'`, [partition], max),
    list: ({ max = 100 } = {}) => select('true', [], max),
    settle: ({ messageId, key, isBlocking }) =>
      database.transaction(async (tx) => {
        await tx.query(`delete from ${SCHEMA}.dead_letter where consumer = $1 and message_id = $2`, [
          consumer,
          messageId,
        ])
        if (!isBlocking) return false
        const { rows } = await tx.query<{ left: boolean }>(
          `with woken as (
             update ${SCHEMA}.dead_letter set state = 'due'
             where consumer = $1 and key = $2 and is_blocking and state = 'waiting' returning 1
           )
           select exists (select from ${SCHEMA}.dead_letter where consumer = $1 and key = $2 and is_blocking) as left,
             (select count(*) from woken)`,
          [consumer, key],
        )
        return rows[0]?.left === false
      }),
    async failAgain({ messageId, key, isBlocking }, { attempts, cause }) {
      await database.query(
        `update ${SCHEMA}.dead_letter set
           state = case when message_id = $2 then 'dead' else 'waiting' end,
           attempts = case when message_id = $2 then $3 else attempts end,
           cause = case when message_id = $2 then $4 else cause end,
           failed_at = case when message_id = $2 then clock_timestamp() else failed_at end
         where consumer = $1 and (message_id = $2 or ($5 and key = $6 and is_blocking and state = 'due'))`,
        [consumer, messageId, attempts, cause.slice(0, CAUSE_MAX), isBlocking, key ?? null],
      )
    },
    async redrive({ messageIds, key } = {}) {
      const { rowCount } = await database.query(
        `update ${SCHEMA}.dead_letter letter set state = 'due'
         where consumer = $1 and state <> 'due' and (
           ($2::uuid[] is null and $3::text is null) or message_id = any ($2) or key = $3
           or (is_blocking and key in (
             select key from ${SCHEMA}.dead_letter where consumer = $1 and message_id = any ($2) and is_blocking)))`,
        [consumer, messageIds ?? null, key ?? null],
      )
      return rowCount
    },
  }
}

const CAUSE_MAX = 2_000

const INSERT = `
  insert into ${SCHEMA}.dead_letter
    (consumer, partition, message_id, id, key, headers, payload, published_at, state, is_blocking, attempts, cause)
  values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000), $9, $10, $11, $12) on conflict do nothing`

const COLUMNS = `message_id, partition, id, key, headers, payload, state, is_blocking, attempts, cause,
  extract(epoch from published_at)::float8 * 1000 as published_ms, extract(epoch from failed_at)::float8 * 1000 as failed_ms`

interface LetterRow {
  readonly message_id: string
  readonly partition: number
  readonly id: string
  readonly key: string | null
  readonly headers: string
  readonly payload: string
  readonly state: DeadLetter['state']
  readonly is_blocking: boolean
  readonly attempts: number
  readonly cause: string
  readonly published_ms: number
  readonly failed_ms: number
}

function letterOf(row: LetterRow): DeadLetter {
  return {
    messageId: row.message_id,
    partition: row.partition,
    id: row.id,
    key: row.key ?? undefined,
    headers: JSON.parse(row.headers) as Record<string, string>,
    payload: row.payload,
    publishedEpochMs: row.published_ms,
    state: row.state,
    isBlocking: row.is_blocking,
    attempts: row.attempts,
    cause: row.cause,
    failedEpochMs: row.failed_ms,
  }
}
