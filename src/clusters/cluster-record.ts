import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError, messageOf } from '../core/errors.ts'
import { secretToken } from '../core/random.ts'

/** What must be remembered about a cluster beside its data; readable by us only, since it holds the passwords. */
export interface ClusterRecord {
  readonly layout: 1
  readonly superuserPassword: string
  /** Of the role that owns the database. Its name is from before services had roles of their own. */
  readonly servicePassword: string
  /** Of the roles of services, by service. */
  readonly servicePasswords?: Readonly<Record<string, string>> | undefined
  /** Of the role that followers copy the log as; set once there was one. */
  readonly replicationPassword?: string | undefined
  /** Of node 1. Wanted again at the next start, so that addresses stay the same where they can. */
  readonly port?: number | undefined
  /** Of the nodes after the first, by number. */
  readonly ports?: Readonly<Record<string, number>> | undefined
  /** The node that takes writes, or is to be promoted next. @default 1 */
  readonly primary?: number | undefined
  /** One more at each promotion. @default 1 */
  readonly term?: number | undefined
  /** The follower that certainly has everything that was acknowledged: it alone may be promoted. @default none */
  readonly synchronous?: number | undefined
  /** Set once the data exists: from then on missing data is a loss to report, not a reason to begin anew. */
  readonly systemIdentifier?: string | undefined
}

/** For files that a record is a part of. */
export const clusterRecordSchema: z.ZodType<ClusterRecord> = z.object({
  layout: z.literal(1),
  superuserPassword: z.string().min(1),
  servicePassword: z.string().min(1),
  servicePasswords: z.record(z.string(), z.string().min(1)).optional(),
  replicationPassword: z.string().min(1).optional(),
  port: z.number().int().optional(),
  ports: z.record(z.string().regex(/^\d+$/), z.number().int()).optional(),
  primary: z.number().int().min(1).optional(),
  term: z.number().int().min(1).optional(),
  synchronous: z.number().int().min(1).optional(),
  systemIdentifier: z.string().optional(),
})

/** Where the parts of a cluster are, inside its directory. */
export interface ClusterPaths {
  readonly directory: string
  /** The data directory of a node of PostgreSQL, owned by the user that runs it. */
  readonly data: string
  readonly record: string
  /** Where servers put finished parts of their log, for an archive; theirs. */
  readonly spool: string
}

/** The paths inside a cluster's directory, for one of its nodes. */
export function clusterPathsOf(directory: string, node = 1): ClusterPaths {
  return {
    directory,
    data: join(directory, node === 1 ? 'data' : `data-${node}`),
    record: join(directory, 'cluster.json'),
    spool: join(directory, 'spool'),
  }
}

/** Reads the record; undefined when the cluster is new. @throws TF_CLUSTER_DATA_INVALID when it can't be understood */
export async function readClusterRecord(paths: ClusterPaths): Promise<ClusterRecord | undefined> {
  let text: string
  try {
    text = await readFile(paths.record, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
  try {
    return clusterRecordSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new TenfoldError(
      'TF_CLUSTER_DATA_INVALID',
      `expected ${paths.record} to be the record of a cluster: ${messageOf(cause)}`,
      { hint: 'restore the file from a backup, or use the version of Tenfold that wrote it', cause },
    )
  }
}

/** A record for a cluster that does not exist yet. */
export function newClusterRecord(superuserPassword: string = secretToken()): ClusterRecord {
  return { layout: 1, superuserPassword, servicePassword: secretToken() }
}

/** A password for each of these services: the one that it has, or a new one. */
export function passwordsOf(record: ClusterRecord, services: readonly string[]): Record<string, string> {
  return Object.fromEntries(services.map((name) => [name, record.servicePasswords?.[name] ?? secretToken()]))
}

/** Replaces the record at once and durably. */
export async function writeClusterRecord(paths: ClusterPaths, record: ClusterRecord): Promise<void> {
  await writeFileDurably(paths.record, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 })
}
