import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { writeFileDurably } from '../core/durable-file.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import { stateError } from './state-error.ts'
import type { StateOwner, StatePaths } from './state-paths.ts'
import { hasErrno } from './system-errors.ts'

/** The version of the layout that this program reads and writes. */
export const STATE_LAYOUT = 1

/** What a state directory remembers about itself, in `state.json`. */
export interface StateRecord {
  readonly layout: typeof STATE_LAYOUT
  readonly system: string
  readonly configuration: string
  /** The state directory itself: a copied or moved project is told by it. */
  readonly directory: string
  /** Where data and releases are, and why, when they are not inside the state directory. */
  readonly outside?: { readonly path: string; readonly reason: string } | undefined
  readonly runtimeDirectory: string
  readonly childRuntimeDirectory: string
}

const recordSchema: z.ZodType<StateRecord> = z.object({
  layout: z.literal(STATE_LAYOUT),
  system: z.string(),
  configuration: z.string(),
  directory: z.string(),
  outside: z.object({ path: z.string(), reason: z.string() }).optional(),
  runtimeDirectory: z.string(),
  childRuntimeDirectory: z.string(),
})

/** How a record of an older layout becomes one of the next. None yet: layout 1 is the first. */
const MIGRATIONS: Readonly<Record<number, (record: Record<string, unknown>) => Record<string, unknown>>> = {}

/**
 * The record of a state directory, migrated to this layout (in memory: write it back); undefined when there is none.
 *
 * @throws TF_STATE_NEWER when a later version of Tenfold wrote it
 * @throws TF_STATE_UNUSABLE when it is damaged, belongs to another system, or is too old to migrate
 */
export async function readStateRecord(paths: StatePaths, owner: StateOwner): Promise<StateRecord | undefined> {
  const raw = await readObject(paths)
  if (raw === undefined) return undefined
  const parsed = recordSchema.safeParse(migrate(raw, paths))
  if (!parsed.success) throw damaged(paths, z.prettifyError(parsed.error))
  const record = parsed.data
  if (record.system !== owner.name || record.configuration !== owner.configuration) {
    throw new TenfoldError(
      'TF_STATE_UNUSABLE',
      `expected ${paths.directory} to be the state of ${owner.name} (${owner.configuration}), ` +
        `got that of ${record.system} (${record.configuration})`,
      { hint: 'rename the system or its configuration file, so that the two differ', details: { ...record } },
    )
  }
  return record
}

/** Replaces the record; durable when it resolves. */
export async function writeStateRecord(paths: StatePaths, record: StateRecord): Promise<void> {
  await writeFileDurably(paths.recordFile, `${JSON.stringify(record, undefined, 2)}\n`)
}

async function readObject(paths: StatePaths): Promise<Record<string, unknown> | undefined> {
  let text: string
  try {
    text = await readFile(paths.recordFile, 'utf8')
  } catch (error) {
    if (hasErrno(error, 'ENOENT')) return undefined
    throw stateError(paths.directory, error)
  }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>
    throw new Error(`not an object: ${text.slice(0, 50)}`)
  } catch (error) {
    throw damaged(paths, messageOf(error))
  }
}

function migrate(raw: Record<string, unknown>, paths: StatePaths): Record<string, unknown> {
  let record = raw
  for (let layout = Number(raw['layout']); layout !== STATE_LAYOUT; layout++) {
    if (layout > STATE_LAYOUT) throw newer(paths, layout)
    const step = MIGRATIONS[layout]
    if (step === undefined) throw tooOld(paths, raw['layout'])
    record = { ...step(record), layout: layout + 1 }
  }
  return record
}

function newer(paths: StatePaths, layout: number): TenfoldError {
  return new TenfoldError(
    'TF_STATE_NEWER',
    `expected the state in ${paths.directory} to have layout ${STATE_LAYOUT} or older, got ${layout}`,
    {
      hint: 'use the version of Tenfold that wrote it, or a later one',
      details: { directory: paths.directory, layout, layoutMax: STATE_LAYOUT },
    },
  )
}

function tooOld(paths: StatePaths, layout: unknown): TenfoldError {
  return new TenfoldError(
    'TF_STATE_UNUSABLE',
    `expected the state in ${paths.directory} to have layout ${STATE_LAYOUT}, got ${String(layout)}, which can't be migrated`,
    {
      hint: `run the version of Tenfold that wrote it, or move ${paths.directory} away to start empty`,
      details: { directory: paths.directory, layout },
    },
  )
}

function damaged(paths: StatePaths, reason: string): TenfoldError {
  return new TenfoldError('TF_STATE_UNUSABLE', `expected ${paths.recordFile} to be a record of state, got ${reason}`, {
    hint: `restore the file from a backup, or move ${paths.directory} away to start empty`,
    details: { directory: paths.directory },
  })
}
