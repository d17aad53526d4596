import { TenfoldError } from '../core/errors.ts'
import { readBucket } from './grammar/backup.ts'
import { rootPlace } from './place.ts'
import type { Problem } from './problem.ts'
import { resolvePlace } from './resolve-backup.ts'
import type { ResolvedBackupPlace } from './resolved-backup.ts'

/** A bucket that is named outside of a blueprint, on a command line say; undefined options are as left out. @throws TF_USAGE */
export function readBucketPlace(given: {
  readonly bucket: string
  readonly region: string | undefined
  readonly endpoint: string | undefined
}): ResolvedBackupPlace {
  const problems: Problem[] = []
  const read = readBucket(
    Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    rootPlace(problems),
  )
  const [problem] = problems
  if (read !== undefined && problem === undefined) return resolvePlace(read, '/')
  throw new TenfoldError('TF_USAGE', problem?.message ?? 'expected a bucket', {
    hint: problem?.hint ?? "write 's3://acme-backups/shop'",
  })
}
