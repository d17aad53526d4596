import { isDeepStrictEqual } from 'node:util'
import { join } from 'node:path'
import type { JobService } from '../blueprint/service-kind.ts'
import { isJob } from '../blueprint/service-kind.ts'
import type { JobStatus } from '../control/snapshot.ts'
import { createJobScheduler } from '../fleet/job-scheduler.ts'
import type { Component } from '../core/component.ts'
import type { PartsContext } from './parts-context.ts'
import type { SystemServices } from './system-services.ts'

/** The services that run at times. */
export interface SystemJobs {
  /** Brings the schedules to what the blueprint says now: at the start, and after an apply. */
  follow(): Promise<void>
  stop(deadlineMs?: number): Promise<void>
}

/** Jobs run as one-off programs of their service do, by the revision that it has then. */
export function createSystemJobs(context: PartsContext, services: SystemServices): SystemJobs {
  const { state, clock } = context
  const schedulers = new Map<string, { readonly service: JobService; readonly scheduler: Component }>()
  let isStopped = false

  function show(name: string, job: JobStatus): void {
    context.change((snapshot) => {
      const service = snapshot.services[name]
      if (service === undefined || isDeepStrictEqual(service.job, job)) return snapshot
      return { ...snapshot, services: { ...snapshot.services, [name]: { ...service, job } } }
    })
  }

  async function begin(service: JobService): Promise<void> {
    const { name } = service
    const scheduler = createJobScheduler({
      service,
      file: join(state.directory, 'jobs', `${name}.json`),
      run: (id) => services.startJob(name, id),
      clock,
      onStatus: (status) => show(name, status),
      onNotice: (notice) => context.notice(notice),
    })
    schedulers.set(name, { service, scheduler })
    await scheduler.start()
  }

  return {
    async follow() {
      const wanted = Object.values(context.blueprint.services).filter(isJob)
      for (const [name, { service, scheduler }] of schedulers) {
        const next = wanted.find((each) => each.name === name)
        // What else changes is looked up when a run starts.
        if (next !== undefined && isSameSchedule(next, service)) continue
        schedulers.delete(name)
        await scheduler.stop()
      }
      for (const service of wanted) if (!schedulers.has(service.name) && !isStopped) await begin(service)
    },
    async stop(deadlineMs) {
      isStopped = true
      await Promise.all([...schedulers.values()].map(({ scheduler }) => scheduler.stop(deadlineMs)))
    },
  }
}

function isSameSchedule(a: JobService, b: JobService): boolean {
  return isDeepStrictEqual(a.schedule, b.schedule) && a.stopTimeoutMs === b.stopTimeoutMs
}
