import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'

/**
 * What may lie among the sources and is none, absolute: the gateway's keys, which belong to nobody else and are no new
 * release when they are renewed, and folders of backups, which grow.
 */
export function notSources({
  gateway,
  databases,
}: Pick<ResolvedBlueprint, 'gateway' | 'databases'>): readonly string[] {
  return [
    ...gateway.certificates.flatMap(({ certificate, key }) => [certificate, key]),
    ...Object.values(databases).flatMap(({ backup }) => (backup?.to.kind === 'folder' ? [backup.to.path] : [])),
  ]
}
