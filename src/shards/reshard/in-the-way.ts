import { TenfoldError } from '../../core/errors.ts'
import { isServerError } from '../../sql/sql-failure.ts'
import type { ShardDatabase } from '../shard-layout.ts'

/** Does what waits for transactions to end; where they do not in time, the error names the oldest. @throws TF_MOVE_BLOCKED */
export async function waitingForOthers<Result>(shard: ShardDatabase, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    if (!isServerError(error) || error.code !== '55P03') throw error
    throw new TenfoldError('TF_MOVE_BLOCKED', `expected everybody who has written to end, but ${await oldest(shard)}`, {
      hint: 'nothing, if it ends soon: it is tried again; or end it: select pg_terminate_backend(PID), rollback prepared NAME',
      cause: error,
    })
  }
}

async function oldest(shard: ShardDatabase): Promise<string> {
  const { rows } = await shard.query<{ what: string; seconds: number }>(`
    select format('process %s (%s, %s)', pid, usename, coalesce(nullif(application_name, ''), 'no name')) as what, xact_start as since,
      round(extract(epoch from clock_timestamp() - xact_start))::int as seconds
    from pg_stat_activity where backend_xid is not null and pid <> pg_backend_pid()
    union all
    select 'the prepared transaction ' || quote_literal(gid), prepared, round(extract(epoch from clock_timestamp() - prepared))::int
    from pg_prepared_xacts
    order by since limit 1`)
  const [first] = rows
  return first === undefined ? 'somebody did not' : `${first.what} has not since ${first.seconds} s`
}
