import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { messageOf } from '../core/errors.ts'

/** Grows with each change of the tables; a file with another number is put aside and a new one begun. */
const SCHEMA_VERSION = 1

const PAGE_BYTES = 4_096

/** Steps of the history in seconds, each a multiple of the one before, with the table that holds it. */
export const HISTORY_STEPS = [1, 10, 60] as const

export type HistoryStep = (typeof HISTORY_STEPS)[number]

/** An open file, and what has been done to open it. */
export interface OpenedHistory {
  readonly db: DatabaseSync
  /** Where a file that could not be used was put, and why. */
  readonly putAside: { readonly file: string; readonly reason: string } | undefined
}

/**
 * Opens the file of the history, or begins it. One that is damaged, or of another version, is put aside as
 * `<file>.damaged` or `<file>.version-<n>` (one of each is kept) and a new one is begun.
 *
 * @param damage what was found wrong with the file while it was used
 * @throws what the file system says: no room, no permission
 */
export function openHistory(file: string, bytesMax: number, damage?: string): OpenedHistory {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  if (damage !== undefined) return begin(file, bytesMax, 'damaged', damage)
  try {
    const db = openFile(file, bytesMax)
    const version = versionOf(db)
    if (version === SCHEMA_VERSION) {
      createSpanTable(db)
      return { db, putAside: undefined }
    }
    if (version === 0 && isEmpty(db)) {
      createTables(db)
      return { db, putAside: undefined }
    }
    db.close()
    return { ...begin(file, bytesMax, `version-${version}`), putAside: aside(file, version) }
  } catch (error) {
    if (!isDamage(error)) throw error
    return begin(file, bytesMax, 'damaged', messageOf(error))
  }
}

/** Whether the file, and not the disk or the caller, is at fault: SQLITE_CORRUPT, SQLITE_NOTADB. */
export function isDamage(error: unknown): boolean {
  const { errcode } = error as { errcode?: number }
  return errcode !== undefined && [11, 26].includes(errcode & 0xff)
}

function aside(file: string, version: number): OpenedHistory['putAside'] {
  return { file: `${file}.version-${version}`, reason: `it is of layout ${version}, and this is ${SCHEMA_VERSION}` }
}

/** Puts what is there aside and begins anew. */
function begin(file: string, bytesMax: number, suffix: string, reason = ''): OpenedHistory {
  const target = `${file}.${suffix}`
  for (const end of ['', '-wal', '-shm']) {
    rmSync(`${target}${end}`, { force: true })
    if (existsSync(`${file}${end}`)) renameSync(`${file}${end}`, `${target}${end}`)
  }
  const db = openFile(file, bytesMax)
  createTables(db)
  return { db, putAside: { file: target, reason } }
}

function openFile(file: string, bytesMax: number): DatabaseSync {
  const db = new DatabaseSync(file)
  try {
    // In this mode a kill or a power cut loses the last seconds at most, and never the file.
    db.exec(`
      pragma page_size = ${PAGE_BYTES};
      pragma journal_mode = wal;
      pragma synchronous = normal;
      pragma temp_store = memory;
      pragma cache_size = -8192;
      pragma wal_autocheckpoint = 500;
      pragma journal_size_limit = 8388608;
      pragma busy_timeout = 1000;
      pragma max_page_count = ${Math.ceil(bytesMax / PAGE_BYTES)};
    `)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

function versionOf(db: DatabaseSync): number {
  return Number(db.prepare('pragma user_version').get()?.['user_version'])
}

function isEmpty(db: DatabaseSync): boolean {
  return db.prepare('select 1 from sqlite_schema limit 1').get() === undefined
}

/** A row of `history_<step>` holds every sample of the step that ended at `at` seconds since the epoch. */
function createTables(db: DatabaseSync): void {
  db.exec(`
    begin;
    create table series (
      id integer primary key,
      source text not null,
      name text not null,
      labels text not null,
      last_at integer not null
    );
    ${HISTORY_STEPS.map((step) => `create table history_${step} (at integer primary key, body blob not null);`).join('\n')}
    pragma user_version = ${SCHEMA_VERSION};
    commit;
  `)
  createSpanTable(db)
}

/** Of its own, so that a file without it goes on being used: nobody loses a history for the sake of traces. */
function createSpanTable(db: DatabaseSync): void {
  db.exec(`
    create table if not exists span (id integer primary key, trace text not null, at integer not null, body text not null);
    create index if not exists span_of_trace on span (trace);
  `)
}
