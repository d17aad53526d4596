import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { sleep, systemClock } from '../../../../src/core/clock.ts'
import type { Random } from '../../../../src/core/random.ts'
import type { Audit, ReadNote, WriteNote } from './audit.ts'
import { auditReads } from './audit.ts'
import type { CutLine } from './cut-line.ts'
import { openCutLine } from './cut-line.ts'
import type { FuzzNote, FuzzOrder } from './fuzz-worker.ts'

const WORKER = fileURLToPath(new URL('fuzz-worker.ts', import.meta.url))

/** @see fuzzCoherence */
export interface FuzzOptions {
  /** URL of the module that exports the `subject`. */
  readonly module: string
  readonly databaseUrl: string
  /** Of what processes tell each other by; through lines that are cut. Empty: they don't. */
  readonly linkUrl: string
  readonly processes: number
  /** @default 30 */
  readonly keys?: number
  /** Of each process. @default 1 */
  readonly writers?: number
  readonly durationMs: number
  /** What is done to processes and lines, one after another. @default all */
  readonly faults?: readonly Fault[]
  readonly random: Random
  readonly signal?: AbortSignal
  /** Drops what workers complain about. @default false */
  readonly isSilent?: boolean
  /** Answers may be so old. @default 2000 */
  readonly boundMs?: number
}

/** Cut: nothing passes; sever: connections end; stop: SIGSTOP, and SIGCONT later; kill: kill -9, and another takes its place. */
export type Fault = 'cut' | 'sever' | 'stop' | 'kill'

export interface FuzzOutcome extends Audit {
  /** Answers from memory. */
  readonly hits: number
  readonly faults: number
}

/**
 * Several processes with caches of the same items read, change and invalidate at random, while lines are cut and processes
 * are stopped and killed; then each answer is held against the changes that it must have known.
 */
export async function fuzzCoherence(options: FuzzOptions): Promise<FuzzOutcome> {
  const { random, signal, durationMs, faults: kinds = ['cut', 'sever', 'stop', 'kill'] } = options
  const notes: Notes = { reads: [], writes: [], hits: 0 }
  const places = await Promise.all(Array.from({ length: options.processes }, (_, index) => openPlace(index)))
  let faults = 0

  async function openPlace(index: number): Promise<Place> {
    const { module, databaseUrl, linkUrl, keys = 30, writers = 1 } = options
    const order = { module, databaseUrl, directUrl: linkUrl, process: index, keys, writers }
    if (linkUrl === '') return { line: undefined, order: { ...order, linkUrl }, worker: undefined }
    const link = new URL(linkUrl)
    const line = await openCutLine(Number(link.port))
    link.port = String(line.port)
    return { line, order: { ...order, linkUrl: link.href }, worker: undefined }
  }

  async function start(place: Place): Promise<void> {
    const order: FuzzOrder = { ...place.order, seed: random.integer(2 ** 31) }
    const worker = spawn(process.execPath, ['--conditions=tenfold-source', WORKER, JSON.stringify(order)], {
      stdio: ['pipe', 'pipe', options.isSilent === true ? 'ignore' : 'inherit'],
    })
    place.worker = worker
    const ready = Promise.withResolvers<void>()
    createInterface({ input: worker.stdout }).on('line', (line) => {
      if (take(notes, order.process, line)) ready.resolve()
    })
    worker.once('exit', () => ready.reject(new Error(`a worker with ${options.module} has ended`)))
    // Where it was killed meanwhile nobody is waiting for it.
    ready.promise.catch(() => undefined)
    await ready.promise
  }

  async function fault(place: Place, kind: Fault): Promise<void> {
    faults++
    const ms = 100 + random.integer(3_400)
    if (kind === 'kill') {
      await end(place)
      await start(place)
    } else if (kind === 'stop') {
      place.worker?.kill('SIGSTOP')
      await sleep(systemClock, ms, signal)
      place.worker?.kill('SIGCONT')
    } else {
      place.line?.[kind]()
      await sleep(systemClock, ms, signal)
      place.line?.heal()
    }
    await sleep(systemClock, random.integer(500), signal)
  }

  try {
    await Promise.all(places.map(start))
    const over = AbortSignal.any([...(signal === undefined ? [] : [signal]), AbortSignal.timeout(durationMs)])
    while (!over.aborted) {
      if (kinds.length === 0) await sleep(systemClock, durationMs, over).catch(() => undefined)
      else await fault(random.pick(places), random.pick(kinds))
    }
    // All is well again: whatever anybody keeps that is old shows.
    await sleep(systemClock, 500)
  } finally {
    for (const place of places) {
      await end(place)
      await place.line?.end()
    }
  }
  return { ...auditReads(notes.reads, notes.writes, options.boundMs ?? 2_000), hits: notes.hits, faults }
}

/** Where a process is, and its line; processes come and go. */
interface Place {
  readonly line: CutLine | undefined
  readonly order: Omit<FuzzOrder, 'seed'>
  worker: ChildProcess | undefined
}

interface Notes {
  readonly reads: ReadNote[]
  readonly writes: WriteNote[]
  hits: number
}

/** Whether it says that it is ready. */
function take(notes: Notes, process: number, line: string): boolean {
  let said: FuzzNote
  try {
    said = JSON.parse(line) as FuzzNote
  } catch {
    // Cut short by a kill.
    return false
  }
  if (said[0] === 'read') notes.reads.push({ process, key: said[1], version: said[2], askedMs: said[3] })
  if (said[0] === 'write') notes.writes.push({ process, key: said[1], version: said[2], doneMs: said[3] })
  if (said[0] === 'hits') notes.hits += said[1]
  return said[0] === 'ready'
}

async function end({ worker }: Place): Promise<void> {
  if (worker === undefined || worker.exitCode !== null || worker.signalCode !== null) return
  const exit = once(worker, 'exit')
  worker.kill('SIGKILL')
  await exit
}
