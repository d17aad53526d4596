import type { BackupRepository } from './repository.ts'

/**
 * Where everything of one cluster's data is in a repository, by the identifier that initdb gave it: data that was made
 * anew under the same name never mixes with the old.
 */
export interface Lineage {
  /** Name of the cluster. */
  readonly database: string
  readonly systemIdentifier: string
}

/** Says what a folder or bucket is, and in which layout. */
export const MARK_KEY = 'tenfold-backups.json'
export const MARK: string = `${JSON.stringify({ layout: 1 })}\n`

/** The keys of a lineage. */
export interface LineageKeys {
  readonly prefix: string
  /** Of the files of the log. */
  readonly wal: string
  walObject(name: string): string
  /** Of all base backups. */
  readonly bases: string
  base(name: string): { readonly prefix: string; readonly manifest: string; file(path: string): string }
  /** Of named points. */
  readonly points: string
  point(name: string): string
}

/** The keys of a lineage. */
export function keysOf({ database, systemIdentifier }: Lineage): LineageKeys {
  const prefix = `${database}/${systemIdentifier}/`
  return {
    prefix,
    wal: `${prefix}wal/`,
    walObject: (name) => `${prefix}wal/${name.slice(0, 8)}/${name}.zst`,
    bases: `${prefix}base/`,
    base(name) {
      const base = `${prefix}base/${name}/`
      return { prefix: base, manifest: `${base}manifest.json`, file: (path) => `${base}files/${path}` }
    },
    points: `${prefix}points/`,
    point: (name) => `${prefix}points/${name}.json`,
  }
}

/** The name of a log's file, from its key. */
export function walNameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1).replace(/\.zst$/, '')
}

/** All lineages of a repository. */
export async function listLineages(repository: BackupRepository, database?: string): Promise<readonly Lineage[]> {
  const databases = database === undefined ? await repository.names('') : [database]
  const found: Lineage[] = []
  for (const name of databases) {
    if (name === MARK_KEY) continue
    for (const systemIdentifier of await repository.names(`${name}/`)) {
      if (/^\d+$/.test(systemIdentifier)) found.push({ database: name, systemIdentifier })
    }
  }
  return found
}
