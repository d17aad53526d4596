import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileDurably } from './durable-file.ts'
import type { ProcessIdentity } from './process-identity.ts'
import type { Handover, HandoverNotes } from './subprocess.ts'

/** One child as the record keeps it. */
export interface RecordedChild extends ProcessIdentity {
  readonly name: string
  readonly stopSignal: 'SIGTERM' | 'SIGINT'
  /** Of the run that started it. */
  readonly runToken: string
  /** What it carries in `TENFOLD_CHILD`, and whatever it starts. */
  readonly childToken: string
  /** Control groups made for it, to be removed when it is gone. */
  readonly controlGroups: readonly string[]
  /** A later run may take it over; see `Handover`. Undefined: it is ended. */
  readonly handover?: RecordedHandover | undefined
  /** It has been asked to leave. */
  readonly isLeaving?: boolean
}

/** What a later run needs to tell whether this is what it would start, and to go on with it. */
export interface RecordedHandover {
  /** SHA-256 of `Handover.sameness`, in hexadecimal. */
  readonly sameness: string
  readonly notes: HandoverNotes
}

/** What is on disk: enough for a later run to find, and tell apart, everything this one started. */
export interface SubprocessRecord {
  readonly version: 1
  /** Start times count from boot, so a record of an earlier boot names nobody. */
  readonly bootId: string
  /** Of the run that writes. */
  readonly runToken: string
  readonly children: readonly RecordedChild[]
}

/** The record in a file; undefined when there is none, or none of this boot. */
export async function readRecord(recordFile: string): Promise<SubprocessRecord | undefined> {
  let text: string
  try {
    text = await readFile(recordFile, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const record = parse(text)
  return record?.version === 1 && record.bootId === bootId() ? record : undefined
}

/** Replaces the record at once, readable by us alone. */
export async function writeRecord(
  recordFile: string,
  runToken: string,
  children: readonly RecordedChild[],
): Promise<void> {
  await mkdir(dirname(recordFile), { recursive: true, mode: 0o700 })
  const record: SubprocessRecord = { version: 1, bootId: bootId(), runToken, children }
  // After a power cut none of them runs, so only our own sudden death has to be survived.
  await writeFileDurably(recordFile, `${JSON.stringify(record, undefined, 1)}\n`, { isSynced: false })
}

/** A handover as the record keeps it: what it is the same by may hold secrets. */
export function recordedHandover({ sameness, notes }: Handover): RecordedHandover {
  return { sameness: createHash('sha256').update(sameness).digest('hex'), notes }
}

/** A file that does not parse was damaged by something else than us: writes are atomic. It names nobody, then. */
function parse(text: string): SubprocessRecord | undefined {
  try {
    return JSON.parse(text) as SubprocessRecord
  } catch {
    return undefined
  }
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
  } catch {
    // Outside Linux the start time is a date, which needs no boot to be unique.
    return ''
  }
}
