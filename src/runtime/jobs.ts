import type { ChildUser } from '../core/child-user.ts'
import { TenfoldError } from '../core/errors.ts'
import type { JobSurroundings } from '../fleet/instance-hosts/local.ts'
import type { PartsContext } from './parts-context.ts'
import type { SystemServices } from './system-services.ts'

/** Where a one-off program runs, for whoever starts it. It holds secrets: it goes to the program and nowhere else. */
export interface JobPlace extends JobSurroundings {
  /** The account that instances run as. */
  readonly account: ChildUser
}

/**
 * What a one-off program of a service is started with. The command line starts it itself, so that it has its terminal.
 *
 * @throws TF_USAGE for a service that does not run, TF_SECRET_MISSING, TF_NOT_RUNNING while the system starts
 */
export async function jobPlace(
  { user }: PartsContext,
  services: SystemServices | undefined,
  service: string,
  id: string,
): Promise<JobPlace> {
  if (services === undefined) {
    throw new TenfoldError('TF_NOT_RUNNING', 'expected the services to run, but the system is still starting', {
      hint: 'wait until "tenfold status" says running, then repeat it',
    })
  }
  const account = user ?? { name: 'the account of tenfold', uid: process.geteuid!(), gid: process.getegid!() }
  return { ...(await services.surroundingsOf(service, id)), account }
}
