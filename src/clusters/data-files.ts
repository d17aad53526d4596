import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'

/** What of a data directory belongs into a copy of it, paths relative to it. */
export interface DataFiles {
  /** Every directory, parents first; those whose content must not be copied are here as well, since servers expect them. */
  readonly directories: readonly string[]
  /** `global/pg_control` comes last: it must not be older than what it describes. */
  readonly files: readonly DataFile[]
}

export interface DataFile {
  readonly path: string
  /** When it was listed; a running server may change it. */
  readonly sizeBytes: number
}

/** Of the process that wrote them, or made anew at each start: PostgreSQL's own list (`basebackup.c`), and the log. */
const EMPTIED = new Set([
  'pg_wal',
  'pg_wal/archive_status',
  'pg_wal/summaries',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
])

/** Whoever makes the copy writes the signal files and the label that it needs. */
const LEFT_OUT = new Set([
  'postmaster.pid',
  'postmaster.opts',
  'postgresql.auto.conf.tmp',
  'current_logfiles',
  'current_logfiles.tmp',
  'backup_label',
  'backup_label.old',
  'tablespace_map',
  'tablespace_map.old',
  'backup_manifest',
  'recovery.signal',
  'standby.signal',
])

const CONTROL_FILE = 'global/pg_control'

/** Lists what belongs into a copy of a data directory, whose server may be running. */
export async function listDataFiles(dataDirectory: string): Promise<DataFiles> {
  const directories: string[] = []
  const files: DataFile[] = []
  async function enter(directory: string): Promise<void> {
    const entries = await readdir(join(dataDirectory, directory), { withFileTypes: true })
    const unlogged = unloggedRelations(entries.map(({ name }) => name))
    for (const entry of entries) {
      const path = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (entry.isDirectory()) {
        if (entry.name.startsWith('pgsql_tmp')) continue
        directories.push(path)
        await enter(path)
      } else if (entry.isFile() && belongs(path, entry.name, unlogged)) {
        const sizeBytes = await sizeIfThere(join(dataDirectory, path))
        if (sizeBytes !== undefined) files.push({ path, sizeBytes })
      }
    }
  }
  await enter('')
  const kept = directories.filter((path) => !isInsideEmptied(path))
  const ordered = files.filter(({ path }) => !isInsideEmptied(path))
  ordered.sort((a, b) => Number(a.path === CONTROL_FILE) - Number(b.path === CONTROL_FILE))
  return { directories: kept, files: ordered }
}

/** Relations with an `_init` fork: after a crash, which is how a copy starts, they are empty. */
function unloggedRelations(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => /^(\d+)_init$/.exec(name)?.[1] ?? []))
}

function belongs(path: string, name: string, unlogged: ReadonlySet<string>): boolean {
  if (LEFT_OUT.has(path) || name.startsWith('pg_internal.init') || name.startsWith('pgsql_tmp')) return false
  // Tables of one session: t<backend>_<relation>.
  if (/^t\d+_\d+/.test(name)) return false
  const [, relation, fork] = /^(\d+)(_\w+)?(?:\.\d+)?$/.exec(name) ?? []
  return relation === undefined || fork === '_init' || !unlogged.has(relation)
}

function isInsideEmptied(path: string): boolean {
  if (EMPTIED.has(path)) return false
  for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
    if (EMPTIED.has(path.slice(0, at))) return true
  }
  return false
}

/** A table may be dropped between the listing and the look at it. */
async function sizeIfThere(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    (error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    },
  )
}
