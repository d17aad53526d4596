import type { Clock } from '../../../core/clock.ts'

/** What a worker tells about once a second. */
export interface WorkerNote {
  readonly id: string
  /** Items that it has. */
  readonly running: number
  /** Items that it has done since it joined. */
  readonly done: number
  readonly isGone?: boolean
}

/** The note as it is sent. */
export function writeWorkerNote(note: WorkerNote): Buffer {
  return Buffer.from(JSON.stringify(note))
}

/** A note that was sent; undefined: it is something else. */
export function readWorkerNote(content: Buffer | undefined): WorkerNote | undefined {
  try {
    const note = JSON.parse(content?.toString('utf8') ?? '') as Partial<WorkerNote> | null
    const isNote = typeof note?.id === 'string' && typeof note.running === 'number' && typeof note.done === 'number'
    return isNote ? (note as WorkerNote) : undefined
  } catch {
    return undefined
  }
}

/** What is known of the workers of one queue, from what they tell. */
export interface WorkerNotes {
  hear(note: WorkerNote): void
  /** How many there are, what they have, and what was done since it was begun to listen. */
  sum(): { readonly workers: number; readonly running: number; readonly done: bigint }
}

/** A worker that was not heard of for so long has nothing any more. */
const SILENT_MS = 5_000

/** Begins with nothing. */
export function createWorkerNotes(clock: Clock): WorkerNotes {
  const workers = new Map<string, { readonly note: WorkerNote; readonly heardMs: number }>()
  let done = 0n
  return {
    hear(note) {
      done += BigInt(Math.max(0, note.done - (workers.get(note.id)?.note.done ?? 0)))
      if (note.isGone === true) workers.delete(note.id)
      else workers.set(note.id, { note, heardMs: clock.nowMs() })
    },
    sum() {
      for (const [id, { heardMs }] of workers) {
        if (clock.nowMs() - heardMs > SILENT_MS) workers.delete(id)
      }
      const running = [...workers.values()].reduce((sum, { note }) => sum + note.running, 0)
      return { workers: workers.size, running, done }
    },
  }
}
