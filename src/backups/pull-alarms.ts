import type { Lineage } from './lineage.ts'
import { keysOf } from './lineage.ts'
import type { BackupRepository, StoredObject } from './repository.ts'

/** Something about the source of a copy that nobody who only takes backups would do. */
export interface PullAlarm {
  /** The object, or the beginning of the keys of several. */
  readonly key: string
  readonly message: string
}

/**
 * Compares a source with what was pulled from it before. Retention removes the oldest backups and log; an attacker, or a
 * mistake, changes objects or removes the newest.
 */
export async function findAlarms(
  from: BackupRepository,
  copy: BackupRepository,
  lineage: Lineage,
): Promise<readonly PullAlarm[]> {
  const keys = keysOf(lineage)
  const source = await from.list(keys.prefix)
  const pulled = await copy.list(keys.prefix)
  const alarms = [...changed(source, pulled), ...missing(source, pulled, keys.wal)]
  const names = { source: await from.names(keys.bases), pulled: await copy.names(keys.bases) }
  const newest = names.pulled.at(-1)
  if (newest !== undefined && !names.source.includes(newest)) {
    alarms.push({ key: keys.base(newest).prefix, message: `the newest backup that was pulled, ${newest}, is gone` })
  }
  for (const name of names.pulled) {
    const { manifest } = keys.base(name)
    const [there, here] = [await from.read(manifest), await copy.read(manifest)]
    if (there !== undefined && here !== undefined && !there.equals(here)) {
      alarms.push({ key: manifest, message: 'it differs from what was pulled before' })
    }
  }
  return alarms
}

/** Objects are never written twice, so none may have another size. */
function changed(source: readonly StoredObject[], pulled: readonly StoredObject[]): PullAlarm[] {
  const sizes = new Map(pulled.map(({ key, sizeBytes }) => [key, sizeBytes]))
  return source.flatMap(({ key, sizeBytes }) => {
    const before = sizes.get(key)
    if (before === undefined || before === sizeBytes) return []
    return [{ key, message: `it had ${before} bytes when it was pulled, and has ${sizeBytes} now` }]
  })
}

/** Of the log, the newest that was pulled has to be there still: retention removes only what is older. */
function missing(source: readonly StoredObject[], pulled: readonly StoredObject[], wal: string): PullAlarm[] {
  const newest = pulled.findLast(({ key }) => key.startsWith(wal))
  if (newest === undefined || source.some(({ key }) => key === newest.key)) return []
  return [{ key: newest.key, message: 'the newest part of the log that was pulled is gone' }]
}
