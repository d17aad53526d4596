import type { JobService } from '../blueprint/service-kind.ts'
import type { JobRun, JobStatus, Notice } from '../control/snapshot.ts'
import type { Cancel, Clock } from '../core/clock.ts'
import type { Component } from '../core/component.ts'
import { STOP_DEADLINE_MS_DEFAULT } from '../core/component.ts'
import { cronTimes } from '../core/cron.ts'
import { messageOf } from '../core/errors.ts'
import { decideJob } from './job-decision.ts'
import type { JobRecord } from './job-record.ts'
import { readJobRecord, writeJobRecord } from './job-record.ts'

/** One run of a job. */
export interface RunningJob {
  /** Resolves when it has ended; `reason` says how, if it failed. Never rejects. */
  readonly exited: Promise<{ readonly isSuccess: boolean; readonly reason: string }>
  stop(deadlineMs: number): Promise<void>
}

export interface JobSchedulerOptions {
  readonly service: JobService
  /** Keeps what is known of the job. */
  readonly file: string
  /** Starts the program. */
  readonly run: (id: string) => Promise<RunningJob>
  readonly clock: Clock
  readonly onStatus: (status: JobStatus) => void
  readonly onNotice: (notice: Omit<Notice, 'atEpochMs'>) => void
}

/** Runs a program at its times, each time at most once, also over restarts. What runs when it stops is ended. */
export function createJobScheduler(options: JobSchedulerOptions): Component {
  return new Scheduler(options)
}

/** The wall clock may be set: it is looked at again at least so often. */
const LOOK_MS = 20_000

class Scheduler implements Component {
  readonly #options: JobSchedulerOptions
  readonly #key: string
  readonly #next: (afterEpochMs: number) => number | undefined
  readonly #running = new Map<string, RunningJob>()
  readonly #work = new Set<Promise<void>>()
  #record: JobRecord | undefined
  #cancel: Cancel = () => undefined
  #isStopped = true
  #saved: Promise<void> = Promise.resolve()

  constructor(options: JobSchedulerOptions) {
    const { cron, timezone } = options.service.schedule
    this.#options = options
    this.#key = `${cron} ${timezone}`
    // Both have been checked with the blueprint.
    this.#next = cronTimes(cron, timezone)
  }

  async start(): Promise<void> {
    const { file, clock } = this.#options
    const known = await readJobRecord(file)
    const runs = (known?.runs ?? []).map((run): JobRun =>
      run.outcome === 'running' ? { ...run, outcome: 'interrupted', reason: 'Tenfold ended' } : run,
    )
    const isSame = known?.schedule === this.#key
    this.#record = { schedule: this.#key, decidedEpochMs: isSame ? known.decidedEpochMs : clock.epochMs(), runs }
    await this.#save()
    this.#isStopped = false
    this.#look()
  }

  async stop(deadlineMs: number = STOP_DEADLINE_MS_DEFAULT): Promise<void> {
    this.#isStopped = true
    this.#cancel()
    const { stopTimeoutMs } = this.#options.service
    await Promise.all([...this.#running.values()].map((job) => job.stop(Math.min(stopTimeoutMs, deadlineMs))))
    while (this.#work.size > 0) await Promise.allSettled(this.#work)
    await this.#saved
  }

  #look(): void {
    if (this.#isStopped) return
    const { service, clock } = this.#options
    const { nowEpochMs, ...decision } = this.#decide()
    if (decision.due !== undefined) {
      this.#record = { ...this.#record!, decidedEpochMs: decision.decidedEpochMs }
      const { scheduledEpochMs, skipped } = decision.due
      if (skipped === undefined) this.#begin(scheduledEpochMs)
      else this.#put({ scheduledEpochMs, outcome: 'skipped', reason: skipped })
      if (skipped !== undefined) this.#notice(`a run of ${service.name} was left out: ${skipped}`)
    }
    this.#tell(decision.nextEpochMs)
    const waitMs = (decision.nextEpochMs ?? Infinity) - nowEpochMs
    this.#cancel = clock.schedule(Math.max(1, Math.min(waitMs, LOOK_MS)), () => this.#look(), { unref: true })
  }

  #decide(): ReturnType<typeof decideJob> & { readonly nowEpochMs: number } {
    const { service, clock } = this.#options
    const nowEpochMs = clock.epochMs()
    const state = {
      next: this.#next,
      decidedEpochMs: this.#record!.decidedEpochMs,
      nowEpochMs,
      running: this.#running.size,
      runningMax: service.instances.max,
      missed: service.schedule.missed,
    }
    return { ...decideJob(state), nowEpochMs }
  }

  #begin(scheduledEpochMs: number): void {
    const id = this.#freeId()
    const work = this.#run(id, scheduledEpochMs).finally(() => {
      this.#running.delete(id)
      this.#work.delete(work)
      this.#tell(this.#decideNext())
    })
    this.#work.add(work)
  }

  async #run(id: string, scheduledEpochMs: number): Promise<void> {
    const { service, clock, run } = this.#options
    const startedEpochMs = clock.epochMs()
    // Taken at once; written before the program's first instruction: a run that is in doubt is not repeated.
    this.#running.set(id, { exited: Promise.resolve({ isSuccess: false, reason: '' }), stop: async () => undefined })
    const put = (changes: Pick<JobRun, 'outcome'> & Partial<JobRun>): Promise<void> =>
      this.#put({ scheduledEpochMs, startedEpochMs, ...changes })
    let isTooLong = false
    let cancel: Cancel = () => undefined
    try {
      await put({ outcome: 'running' })
      if (this.#isStopped) return void (await put({ outcome: 'interrupted', reason: 'the system stopped' }))
      const job = await run(id)
      this.#running.set(id, job)
      if (this.#isStopped) void job.stop(0)
      cancel = clock.schedule(service.schedule.timeLimitMs, () => {
        isTooLong = true
        void job.stop(service.stopTimeoutMs)
      })
      const { isSuccess, reason } = await job.exited
      const endedEpochMs = clock.epochMs()
      if (isTooLong) await put({ outcome: 'timed-out', reason: 'it took too long', endedEpochMs })
      else if (isSuccess) await put({ outcome: 'succeeded', endedEpochMs })
      else if (this.#isStopped) await put({ outcome: 'interrupted', reason: 'the system stopped', endedEpochMs })
      else await put({ outcome: 'failed', reason, endedEpochMs })
      if (isTooLong || (!isSuccess && !this.#isStopped)) {
        this.#notice(`${id} failed: ${isTooLong ? 'it took too long' : reason}`, `tenfold logs ${service.name}`)
      }
    } catch (error) {
      await put({ outcome: 'failed', reason: messageOf(error), endedEpochMs: clock.epochMs() })
      this.#notice(`${id} could not be run: ${messageOf(error)}`)
    } finally {
      cancel()
    }
  }

  #decideNext(): number | undefined {
    return this.#next(Math.max(this.#record!.decidedEpochMs, this.#options.clock.epochMs()))
  }

  #freeId(): string {
    for (let number = 1; ; number++) {
      const id = `${this.#options.service.name}-${number}`
      if (!this.#running.has(id)) return id
    }
  }

  /** Adds a run to the record, or replaces it. */
  #put(run: JobRun): Promise<void> {
    const others = this.#record!.runs.filter(({ scheduledEpochMs }) => scheduledEpochMs !== run.scheduledEpochMs)
    const runs = [...others, run].toSorted((a, b) => a.scheduledEpochMs - b.scheduledEpochMs)
    this.#record = { ...this.#record!, runs: runs.slice(-100) }
    if (!this.#isStopped) this.#tell(this.#decideNext())
    return this.#save()
  }

  /** On a full disk the job runs all the same: what it does matters more than its record. */
  #save(): Promise<void> {
    this.#saved = this.#saved.then(() =>
      writeJobRecord(this.#options.file, this.#record!).catch((error: unknown) =>
        this.#notice(`the record of ${this.#options.service.name} can't be written: ${messageOf(error)}`),
      ),
    )
    return this.#saved
  }

  #tell(nextEpochMs: number | undefined): void {
    const last = this.#record!.runs.at(-1)
    this.#options.onStatus({
      ...(nextEpochMs === undefined ? {} : { nextEpochMs }),
      running: this.#running.size,
      ...(last === undefined ? {} : { last }),
    })
  }

  #notice(message: string, hint?: string): void {
    this.#options.onNotice({ level: 'warning', message, ...(hint === undefined ? {} : { hint }) })
  }
}
