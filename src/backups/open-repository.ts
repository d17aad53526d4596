import type { ResolvedBackupPlace } from '../blueprint/resolved-backup.ts'
import { TenfoldError } from '../core/errors.ts'
import { folderRepository } from './repositories/folder.ts'
import type { BackupRepository } from './repository.ts'

/** The repository that a blueprint names; nothing is looked at yet. */
export function openRepository(place: ResolvedBackupPlace): BackupRepository {
  if (place.kind === 'folder') return folderRepository(place.path)
  throw new TenfoldError('TF_NOT_IMPLEMENTED', "this version can't keep backups in a bucket yet", {
    hint: 'mount it as a folder, or pull a folder of backups from where the bucket is',
  })
}
