import { stat } from 'node:fs/promises'
import type { ResolvedService } from '../blueprint/resolved-blueprint.ts'
import type { FileRelease } from '../fleet/file-releases.ts'
import type { Release } from '../fleet/release.ts'
import { pathInRelease } from '../fleet/release.ts'
import type { ReleaseHistory } from '../fleet/release-history.ts'
import { currentRelease, heldBackBecause } from '../fleet/release-history.ts'
import { isFiles } from '../blueprint/service-kind.ts'
import { releaseOf } from './apply-plan.ts'
import type { PartsContext } from './parts-context.ts'
import type { SystemCode } from './system-code.ts'
import { findRelease } from './system-code.ts'

/**
 * What a start runs: the sources as they are, but for services of which that very release was rolled back, or cut short by
 * the death of a control plane. These go on with what ran before, where it is still there, until somebody decides. Says
 * so either way.
 */
export async function withHeldReleases(
  context: PartsContext,
  history: ReleaseHistory,
  code: SystemCode,
): Promise<SystemCode> {
  const files = { ...code.files }
  const releases: Record<string, Release> = {}
  for (const service of Object.values(context.blueprint.services)) {
    const { name } = service
    const { id } = releaseOf(code, name)
    const reason = heldBackBecause(history, name, id)
    if (reason === undefined) continue
    const former = await formerOf(context, history, service)
    say(context, { name, id, reason, former })
    if (former === undefined) continue
    if (isFiles(service)) files[name] = former as FileRelease
    else releases[name] = former
  }
  return { ...code, files, releases }
}

/** What ran last, if this blueprint can still run it. */
async function formerOf(
  context: PartsContext,
  history: ReleaseHistory,
  service: ResolvedService,
): Promise<Release | undefined> {
  const id = currentRelease(history, service.name)?.release
  const former = id === undefined ? undefined : await findRelease(context, service, id)
  const { program } = service
  if (former === undefined || program.kind !== 'entry') return former
  const entry = await stat(pathInRelease(former, program.entry)).catch(() => undefined)
  return entry === undefined ? undefined : former
}

function say(
  { notice }: PartsContext,
  { name, id, reason, former }: { name: string; id: string; reason: string; former: Release | undefined },
): void {
  const release = `release ${id.slice(0, 8)}, which the sources are,`
  if (former === undefined) {
    notice({
      level: 'warning',
      message: `${name} starts with ${release} although it ${reason}; there is none to go on with`,
      hint: 'look at it, and correct the sources: tenfold status',
    })
    return
  }
  notice({
    level: 'warning',
    message: `${name} goes on with release ${former.id.slice(0, 8)}: ${release} ${reason}`,
    hint: `try it again: tenfold release ${name} (--canary 10% for a few requests first)`,
  })
}
