import { readFile, realpath, rm } from 'node:fs/promises'
import { z } from 'zod'
import { writeFileDurably } from '../core/durable-file.ts'
import { TenfoldError } from '../core/errors.ts'
import type { ProcessIdentity } from '../core/process-identity.ts'
import { isRunning } from '../core/process-identity.ts'
import { readRecord } from '../core/subprocess-record.ts'
import { stateError } from './state-error.ts'
import { identityOfSelf } from './state-lock.ts'
import type { StatePaths } from './state-paths.ts'
import { statePathsOf } from './state-paths.ts'
import { hasErrno } from './system-errors.ts'

/** A control plane that runs, as its state directory records it. */
export interface RunningSystem extends ProcessIdentity {
  /** Id of this run of the control plane, as in the snapshot. */
  readonly run: string
  readonly startedEpochMs: number
  readonly controlSocket: string
  /** The state directory: a copy of the file elsewhere says nothing about the copy. */
  readonly stateDirectory: string
}

/**
 * The control plane that runs on a state directory, or undefined. The process is checked, not just the file; that it
 * also answers is known only by asking it.
 *
 * @throws TF_STATE_UNUSABLE when the state belongs to another user
 */
export async function findRunning(stateDirectory: string): Promise<RunningSystem | undefined> {
  try {
    const directory = await realpath(stateDirectory)
    const found = runSchema.parse(JSON.parse(await readFile(statePathsOf(directory).runFile, 'utf8')))
    return found.stateDirectory === directory && isRunning(found) ? found : undefined
  } catch (error) {
    if (hasErrno(error, 'EACCES', 'EPERM')) throw stateError(stateDirectory, error)
    // Missing, half a file of a full disk, or another format: nothing that we could talk to.
    return undefined
  }
}

/**
 * As `findRunning`.
 *
 * @throws TF_NOT_RUNNING with the command that starts it, and with what goes on without its control plane
 */
export async function requireRunning(stateDirectory: string): Promise<RunningSystem> {
  const running = await findRunning(stateDirectory)
  if (running !== undefined) return running
  const orphans = await orphansOf(stateDirectory)
  if (orphans.length === 0) {
    throw new TenfoldError('TF_NOT_RUNNING', `expected a running system in ${stateDirectory}, got none`, {
      hint: 'start it with "tenfold up"',
      details: { stateDirectory },
    })
  }
  const message = `expected the control plane of ${stateDirectory} to run, but it has died; without it go on: ${orphans.join(', ')}`
  throw new TenfoldError('TF_NOT_RUNNING', message, {
    hint: '"tenfold up" adopts them, "tenfold down" stops them',
    details: { stateDirectory, orphans },
  })
}

/** The names of what a killed control plane has left. */
async function orphansOf(stateDirectory: string): Promise<readonly string[]> {
  const record = await readRecord(statePathsOf(stateDirectory).processesFile).catch(() => undefined)
  return (record?.children ?? []).filter(isRunning).map(({ name }) => name)
}

/** Records that we are the control plane that runs; durable when it resolves. */
export async function recordRunning(
  paths: StatePaths,
  run: { run: string; startedEpochMs: number; controlSocket: string },
): Promise<void> {
  const record: RunningSystem = { ...run, ...identityOfSelf(), stateDirectory: paths.directory }
  await writeFileDurably(paths.runFile, `${JSON.stringify(record, undefined, 2)}\n`)
}

/** Removes the record at an orderly end. */
export async function forgetRunning(paths: StatePaths): Promise<void> {
  await rm(paths.runFile, { force: true })
}

const runSchema: z.ZodType<RunningSystem> = z.object({
  run: z.string(),
  pid: z.number().int().positive(),
  startTime: z.string(),
  startedEpochMs: z.number(),
  controlSocket: z.string(),
  stateDirectory: z.string(),
})
