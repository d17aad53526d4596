import type { Kysely, RootOperationNode, SelectQueryNode } from 'kysely'
import type { Duration } from '../../core/duration.ts'
import { parseDuration } from '../../core/duration.ts'
import { hasCode } from '../../core/errors.ts'
import type { CompileTree } from '../../sql/runner-kysely.ts'
import { treeKysely } from '../../sql/runner-kysely.ts'
import type { ShardMap } from '../shard-map.ts'
import type { GatherRequest, MissingShard, Row, ShardsToAsk } from './gather.ts'
import { gather, tooLate, unanswered } from './gather.ts'
import type { MergePlan } from './merge-answers.ts'
import { mergeAnswers } from './merge-answers.ts'
import { BUCKETS, planSelect, ROWS_MAX } from './plan-select.ts'
import { ownedBuckets } from './owned-rows.ts'
import { refuse } from './select-refusals.ts'
import type { TableCatalog } from './table-catalog.ts'
import { readCatalog } from './table-catalog.ts'
import type { Merge } from './text-query.ts'
import { mergePlan, shardText } from './text-query.ts'

/** How all shards are asked. */
export interface AllOptions {
  /** What takes longer is cancelled on the shards. @default '30s' */
  readonly deadline?: Duration
  /** Gives what came when shards have failed or were too slow; `missing` names them. @default false: it is an error */
  readonly partial?: boolean
}

/**
 * Reads from all shards. Each row is read once, while buckets move, too; but the shards are not read at one moment, so what
 * was written to two of them together may be seen by halves. 100,000 rows come at most.
 */
export interface AllShards<Tables> {
  /**
   * Query builder. Every shard does the conditions, the order, the limit and the aggregates (`count`, `sum`, `avg`, `min`,
   * `max`, by groups or of all); then the answers are merged. Text is ordered by its bytes. What can't be merged is refused.
   *
   * @throws TF_SHARD_UNMERGEABLE, TF_SHARD_UNANSWERED, TF_SHARD_BUSY, TF_PEER_MISSING without kysely
   * @example await orders.all().db.selectFrom('order').selectAll().orderBy('placed_at', 'desc').limit(50).execute()
   */
  readonly db: Pick<Kysely<Tables>, 'selectFrom'>
  /**
   * Runs a text on every shard; `merge` says what makes one answer of theirs. It has `$here(table)` among its conditions for
   * each sharded table, and sees nothing of other shards: joins are right where they are by the shard key.
   *
   * @throws TF_SHARD_UNMERGEABLE, TF_SHARD_UNANSWERED, TF_SHARD_BUSY
   * @example await orders.all().query('select count(*) as n from "order" o where $here(o)', [], { combine: { n: 'sum' } })
   */
  query<R = Row>(text: string, values: readonly unknown[], merge: Merge): Promise<{ readonly rows: R[] }>
  /** Shards that are not in what has been given so far; always empty unless `partial` is set. */
  readonly missing: readonly MissingShard[]
}

/** What all queries of a client share. */
export interface AllShardsContext extends ShardsToAsk {
  /** What tables there are, from the first time it was asked; @param isStale whether to look again */
  catalog(isStale: boolean): Promise<TableCatalog>
}

/** @throws TF_OPTION_INVALID */
export function createAllShards<Tables>(context: AllShardsContext, options: AllOptions = {}): AllShards<Tables> {
  const deadlineMs = parseDuration(options.deadline ?? '30s')
  const isPartial = options.partial === true
  const missing = new Map<number, MissingShard>()
  let db: Kysely<Tables> | undefined

  async function ask(statement: GatherRequest['statement'], plan: MergePlan, sinceMs: number): Promise<Row[]> {
    const restMs = Math.max(1, deadlineMs - (context.clock.nowMs() - sinceMs))
    const gathered = await gather(context, { deadlineMs: restMs, isPartial, statement })
    for (const its of gathered.missing) missing.set(its.shard, its)
    const count = gathered.answers.reduce((sum, { length }) => sum + length, 0)
    const isAll = plan.limit === undefined || plan.groupBy !== undefined
    if (isAll && count > ROWS_MAX) {
      refuse(`more than ${ROWS_MAX} rows`, 'give it a limit, and go on behind the last row; or let the shards count')
    }
    return mergeAnswers(gathered.answers, plan)
  }

  async function select(tree: RootOperationNode, compile: CompileTree): Promise<Row[]> {
    if (tree.kind !== 'SelectQueryNode') {
      refuse('one that writes', 'write by the key of the rows: shard(key)')
    }
    const startMs = context.clock.nowMs()
    const { map, catalog } = await inTime(known(tree))
    const { merge } = planSelect(tree, map, catalog)
    const compiled = onceForEachMap((of) => compile(planSelect(tree, of, catalog).query))
    const statement: GatherRequest['statement'] = (of, buckets) => {
      const { sql, parameters } = compiled(of)
      return { text: sql, values: parameters.map((value) => (value === BUCKETS ? buckets : value)) }
    }
    return ask(statement, merge, startMs)
  }

  /** What has to be known before anything is asked. */
  async function known(tree: SelectQueryNode): Promise<{ map: ShardMap; catalog: TableCatalog }> {
    const map = await currentMap(context)
    return { map, catalog: await fittingCatalog(tree, map, context) }
  }

  async function inTime<R>(work: Promise<R>): Promise<R> {
    const late = Promise.withResolvers<never>()
    const cancel = context.clock.schedule(deadlineMs, () => late.reject(unanswered([], tooLate(deadlineMs))))
    try {
      return await Promise.race([work, late.promise])
    } finally {
      cancel()
    }
  }

  return {
    get db() {
      db ??= treeKysely<Tables>(select)
      return db
    },
    async query<R>(text: string, values: readonly unknown[], merge: Merge) {
      const forShards = onceForEachMap((map) => shardText(text, values.length, map))
      const statement: GatherRequest['statement'] = (map, buckets) => ({
        text: forShards(map),
        values: [...values, buckets],
      })
      const rows = await ask(statement, mergePlan(merge), context.clock.nowMs())
      return { rows: rows as R[] }
    },
    get missing() {
      return [...missing.values()]
    },
  }
}

/** Tables that the query fits; looks at them once more where it does not fit those that were known. */
async function fittingCatalog(tree: SelectQueryNode, map: ShardMap, context: AllShardsContext): Promise<TableCatalog> {
  const known = await context.catalog(false)
  try {
    planSelect(tree, map, known)
    return known
  } catch (error) {
    if (!hasCode(error, 'TF_SHARD_UNMERGEABLE')) throw error
    return context.catalog(true)
  }
}

/** While a query is under way, a newer map may have other buckets. */
function onceForEachMap<R>(make: (map: ShardMap) => R): (map: ShardMap) => R {
  let last: { readonly map: ShardMap; readonly made: R } | undefined
  return (map) => {
    if (last?.map !== map) last = { map, made: make(map) }
    return last.made
  }
}

async function currentMap({ maps }: AllShardsContext): Promise<ShardMap> {
  return maps.current ?? maps.newer(undefined)
}

/** Remembers the tables for every query. */
export function rememberedCatalog({ maps, at }: Pick<AllShardsContext, 'maps' | 'at'>): AllShardsContext['catalog'] {
  async function look(): Promise<TableCatalog> {
    const map = maps.current ?? (await maps.newer(undefined))
    let failure: unknown
    for (const shard of ownedBuckets(map).keys()) {
      try {
        return await readCatalog(at(shard))
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  let known: Promise<TableCatalog> | undefined
  return (isStale) => {
    if (known === undefined || isStale) {
      const looked = look()
      known = looked
      looked.catch(() => {
        if (known === looked) known = undefined
      })
    }
    return known
  }
}
