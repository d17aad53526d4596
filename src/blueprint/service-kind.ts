import type { ResolvedFiles, ResolvedSchedule, ResolvedService } from './resolved-blueprint.ts'

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
