import type { Gateway } from '../gateway/gateway-component.ts'
import { unlessAborted } from '../core/unless-aborted.ts'
import { drainTimeoutMsOf } from '../fleet/drain-timeout.ts'
import type { ReleaseBook } from '../fleet/release-book.ts'
import type { PartsContext } from './parts-context.ts'
import type { SystemCode } from './system-code.ts'
import { pruneReleases } from './system-code.ts'

/** Ends what an earlier run left: it has been adopted, or has a successor that gets the requests. */
export async function endSuccession(
  context: PartsContext,
  { gateway, code, book }: { readonly gateway: Gateway; readonly code: SystemCode; readonly book: ReleaseBook },
  signal: AbortSignal,
): Promise<void> {
  const { subprocesses } = context
  const say = (what: string, names: readonly string[]): void => {
    if (names.length > 0) context.notice({ level: 'info', message: `${what}: ${names.toSorted().join(', ')}` })
  }
  const adopted = subprocesses.list().filter(({ isAdopted }) => isAdopted)
  say(
    'adopted from an earlier run',
    adopted.map(({ name }) => name),
  )
  await unlessAborted(leftoversDrained(context, gateway), signal, 'the last requests of an earlier run to end')
  say('replaced or not wanted any more, from an earlier run', await subprocesses.endLeftovers())
  // Only now does nothing of an old release run.
  await pruneReleases(context, new Set([code.release.id]), code.files, book.history)
}

/** The gateway has a list without them; what is under way ends first. */
async function leftoversDrained({ subprocesses, blueprint }: PartsContext, gateway: Gateway): Promise<void> {
  await Promise.all(
    subprocesses.leftovers().map(async (name) => {
      const service = blueprint.services[name.replace(/-\d+$/, '')]
      if (service === undefined) return
      await gateway.drained(service.name, name, drainTimeoutMsOf(service)).catch(() => undefined)
    }),
  )
}
