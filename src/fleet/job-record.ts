import { readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { JobRun } from '../control/snapshot.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { ensureOwnedDirectory } from '../core/owned-directory.ts'

/** What is known of a job over restarts. */
export interface JobRecord {
  /** The schedule that was decided by; another one begins anew. */
  readonly schedule: string
  /** Everything due until then has been decided on. */
  readonly decidedEpochMs: number
  /** The latest last, a hundred at most. */
  readonly runs: readonly JobRun[]
}

const RUNS_MAX = 100

const recordSchema = z.object({
  layout: z.literal(1),
  schedule: z.string(),
  decidedEpochMs: z.number(),
  runs: z.array(
    z.object({
      scheduledEpochMs: z.number(),
      startedEpochMs: z.number().optional(),
      endedEpochMs: z.number().optional(),
      outcome: z.enum(['running', 'succeeded', 'failed', 'timed-out', 'interrupted', 'skipped']),
      reason: z.string().optional(),
    }),
  ),
})

/** The record in a file; undefined when there is none that can be read, as at the first start. */
export async function readJobRecord(file: string): Promise<JobRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(file, 'utf8'))) as JobRecord
  } catch {
    // Nothing can be missed that nobody knows of.
    return undefined
  }
}

/** Writes a record, so that it survives a power cut. */
export async function writeJobRecord(file: string, record: JobRecord): Promise<void> {
  await ensureOwnedDirectory(dirname(file))
  await writeFileDurably(file, `${JSON.stringify({ layout: 1, ...record, runs: record.runs.slice(-RUNS_MAX) })}\n`)
}
