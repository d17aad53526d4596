import type { Kysely } from 'kysely'
import type { Duration } from '../core/duration.ts'
import { parseDuration } from '../core/duration.ts'
import { hasCode } from '../core/errors.ts'
import type { SeenElsewhere } from './hidden-commits.ts'
import { runnerKysely } from './runner-kysely.ts'
import type { NodeLink } from './node-link.ts'
import type { ReadToken } from './position.ts'
import { askPosition, formatToken, requireToken } from './position.ts'
import type { ReplicaSet } from './replica-set.ts'
import type { SqlResult } from './session.ts'
import { isServerError } from './sql-failure.ts'

/** What a read has to see, and how long it may take to find a replica that shows it. */
export interface ReadOptions {
  /**
   * What `token()` gave: the read sees at least that. What was seen on a replica may have to be waited for on the primary,
   * up to `acquireTimeout`. @default anything within the lag
   */
  after?: ReadToken | undefined
  /** How long to wait for a replica to get to `after`; then it is the primary. `'0ms'`: not at all. @default '100ms' */
  wait?: Duration
  /** Replicas further behind than this take no reads. @default '1s' */
  lag?: Duration
}

/**
 * Reads of one request. The first query chooses a node and the others stay with it, so that none sees less than the one
 * before. A replica that fails on the way hands over to the primary, once that shows what the replica may have shown.
 */
export interface ReadView<Tables> {
  /** Query builder for reads. @throws TF_PEER_MISSING without kysely */
  readonly db: Pick<Kysely<Tables>, 'selectFrom'>
  /**
   * Runs one statement. The server refuses to write (25006), on the primary too. Throws as `DatabaseConnection.query`.
   *
   * @throws TF_TIMEOUT writes wait for a standby that hangs, and the primary hides until then what a replica had shown
   */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>>
  /**
   * Stands for what has been read: a later read `after` it, wherever it goes, sees no less. Throws as `query`.
   *
   * @example
   * const view = orders.read({ after: token })
   * const open = await view.db.selectFrom('order').selectAll().execute()
   * const next = await view.token() // for the next read of this user
   */
  token(): Promise<ReadToken>
}

/** Where a view reads. */
export interface ReadNodes {
  readonly primary: NodeLink
  readonly replicas: ReplicaSet
  readonly place: { readonly hasTerms: boolean }
  /** Waits until the primary shows it; throws as `untilShown`. */
  untilShown(seen: SeenElsewhere): Promise<void>
}

/** @throws TF_OPTION_INVALID a token that is none */
export function createReadView<Tables>(nodes: ReadNodes, options: ReadOptions): ReadView<Tables> {
  const bounds = {
    after: options.after === undefined ? undefined : requireToken(options.after),
    waitMs: parseDuration(options.wait ?? '100ms'),
    lagMaxMs: parseDuration(options.lag ?? '1s'),
  }
  let chosen: Promise<NodeLink> | undefined
  /** Whether a replica has answered. */
  let hasSeenReplica = false
  /** Whether a replica has failed. */
  let isForPrimary = false
  let db: Kysely<Tables> | undefined

  async function choose(): Promise<NodeLink> {
    const replica = isForPrimary ? undefined : await nodes.replicas.choose(bounds)
    if (replica !== undefined) return replica
    const { term, seenEpochMs } = bounds.after ?? {}
    if (hasSeenReplica) await nodes.untilShown({})
    else if (seenEpochMs !== undefined) await nodes.untilShown({ term, epochMs: seenEpochMs })
    return nodes.primary
  }

  function chooseOnce(): Promise<NodeLink> {
    if (chosen !== undefined) return chosen
    const choice = choose()
    chosen = choice
    // What has failed is tried again by the next query.
    choice.catch(() => {
      if (chosen === choice) chosen = undefined
    })
    return choice
  }

  async function query<Row>(text: string, values?: readonly unknown[]): Promise<SqlResult<Row>> {
    const node = await chooseOnce()
    if (node === nodes.primary) return node.read<Row>(text, values)
    try {
      const result = await node.read<Row>(text, values)
      hasSeenReplica = true
      return result
    } catch (error) {
      if (!isReplicaFailure(error)) throw error
      // Another query may have been first.
      if (!isForPrimary) chosen = undefined
      isForPrimary = true
      return (await chooseOnce()).read<Row>(text, values)
    }
  }

  return {
    get db() {
      db ??= runnerKysely<Tables>({ query })
      return db
    },
    query,
    async token() {
      return formatToken(await askPosition({ ask: query }, nodes.place.hasTerms))
    },
  }
}

const REPLICA_FAILURES = [
  'TF_CONNECTION_LOST',
  'TF_DATABASE_CLOSED',
  'TF_DATABASE_UNREACHABLE',
  'TF_POOL_EXHAUSTED',
] as const

/** Whether the primary may do better: the replica is away or full, or what it replays is in the way of the query. */
function isReplicaFailure(error: unknown): boolean {
  if (isServerError(error)) return error.code === '40001' || error.code === '40P01'
  return REPLICA_FAILURES.some((code) => hasCode(error, code))
}
