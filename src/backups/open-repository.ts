import type { ResolvedBackupPlace } from '../blueprint/resolved-backup.ts'
import type { BucketMeans } from './repositories/bucket.ts'
import { bucketRepository } from './repositories/bucket.ts'
import { folderRepository } from './repositories/folder.ts'
import type { BackupRepository } from './repository.ts'

/** The repository that a blueprint names; nothing is looked at yet. */
export function openRepository(place: ResolvedBackupPlace, means: BucketMeans): BackupRepository {
  return place.kind === 'folder' ? folderRepository(place.path) : bucketRepository(place, means)
}
