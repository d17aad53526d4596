import type { ResolvedBlueprint, ResolvedFiles, ResolvedSchedule, ResolvedService } from './resolved-blueprint.ts'

/** A service whose files the gateway serves. */
export type FilesService = ResolvedService & { readonly program: ResolvedFiles }
/** A service whose program runs at times. */
export type JobService = ResolvedService & { readonly schedule: ResolvedSchedule }

export function isFiles(service: ResolvedService): service is FilesService {
  return service.program.kind === 'files'
}

export function isJob(service: ResolvedService): service is JobService {
  return service.schedule !== undefined
}

/** What a service is: a server has instances that get requests, files have none, a job has them at times. */
export function kindOfService(service: ResolvedService): 'server' | 'files' | 'job' {
  if (isFiles(service)) return 'files'
  return isJob(service) ? 'job' : 'server'
}

/**
 * Whether a server only reads topics and does the work of queues: nobody sends it requests, and it was not said how to ask whether it is ready. Such a
 * service need not listen.
 */
export function isWorker(service: ResolvedService, { services }: Pick<ResolvedBlueprint, 'services'>): boolean {
  const { name, routes, health, listensOn, scale, consumes, works } = service
  if (kindOfService(service) !== 'server' || consumes.length + works.length === 0) return false
  if (routes.length > 0 || health !== undefined || listensOn !== undefined || scale?.metric === 'custom') return false
  return Object.values(services).every(({ calls }) => !calls.includes(name))
}
