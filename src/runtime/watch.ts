import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import { isFiles } from '../blueprint/service-kind.ts'
import type { Clock } from '../core/clock.ts'
import { hasCode } from '../core/errors.ts'
import { isCode, sourceClosure } from '../fleet/source-closure.ts'
import type { Applier } from './apply.ts'
import { notSources } from './not-sources.ts'
import { watchSources } from './watch-sources.ts'

/** What watching works on. */
export interface WatchOptions {
  readonly applier: Applier
  /** What runs now. */
  readonly blueprint: () => ResolvedBlueprint
  /** The package that holds the blueprint, absolute. */
  readonly directory: string
  readonly clock: Clock
  /** Gets what came of each save. */
  readonly onOutcome: (outcome: WatchOutcome) => void
  readonly onProblem: (message: string) => void
}

/** What came of a save. */
export type WatchOutcome =
  | { readonly kind: 'changing'; readonly files: readonly string[] }
  | { readonly kind: 'changed'; readonly what: readonly string[]; readonly durationMs: number }
  /** What ran before goes on. */
  | { readonly kind: 'failed'; readonly error: unknown }

/**
 * Takes every save over into the running system, until the signal: services whose code has changed are restarted, edits
 * of the blueprint are applied. A save that comes while another is taken over replaces it.
 *
 * @throws TF_WATCH_FAILED
 */
export async function watchSystem(options: WatchOptions, signal: AbortSignal): Promise<void> {
  const { directory, clock, onProblem } = options
  let saved = new Set<string>()
  let wake = Promise.withResolvers<void>()
  let current = new AbortController()
  const watch = await watchSources({
    directory,
    except: notSources(options.blueprint()),
    clock,
    onProblem,
    onChange(files) {
      saved = new Set([...saved, ...files])
      current.abort('saved again')
      wake.resolve()
    },
  })
  signal.addEventListener('abort', () => wake.resolve(), { once: true })
  try {
    while (!signal.aborted) {
      await wake.promise
      wake = Promise.withResolvers()
      current = new AbortController()
      const files = saved
      saved = new Set()
      const isDone = await takeOver(options, files, AbortSignal.any([signal, current.signal]))
      // What has not been taken over still has to be, together with the next save.
      if (!isDone) saved = new Set([...saved, ...files])
    }
  } finally {
    watch.close()
  }
}

/** False when it failed, or was cut short by the next save. */
async function takeOver(options: WatchOptions, files: ReadonlySet<string>, signal: AbortSignal): Promise<boolean> {
  const { applier, clock, onOutcome } = options
  if (files.size === 0) return true
  const startedMs = clock.nowMs()
  onOutcome({ kind: 'changing', files: [...files] })
  try {
    const { services, isBlueprint } = await concerned(options.blueprint(), files)
    const { plan } = await applier.plan(signal, { isBlueprintSame: !isBlueprint })
    const { changes } = await applier.apply(plan, { signal, isQuick: true, only: services })
    const paths = changes.filter(({ effect }) => effect !== 'refused').map(({ path }) => path)
    const restarted = paths.includes('sources') ? [...services] : []
    const what = [...restarted, ...paths.filter((path) => path !== 'sources')]
    onOutcome({ kind: 'changed', what, durationMs: clock.nowMs() - startedMs })
    return true
  } catch (error) {
    if (!signal.aborted || !hasCode(error, 'TF_ABORTED')) onOutcome({ kind: 'failed', error })
    return false
  }
}

/** Whom a change of these files concerns. */
async function concerned(
  { file, services }: ResolvedBlueprint,
  changed: ReadonlySet<string>,
): Promise<{ services: ReadonlySet<string>; isBlueprint: boolean }> {
  const names = new Set<string>()
  // What the gateway serves is taken to be read by nobody else.
  const sources = new Set(changed)
  for (const { name, program } of Object.values(services).filter(isFiles)) {
    for (const each of [...changed].filter((path) => `${path}/`.startsWith(`${program.directory}/`))) {
      names.add(name)
      sources.delete(each)
    }
  }
  const isForAll = [...sources].some((each) => !isCode(each))
  const isIn = async (entry: string): Promise<boolean> => {
    const { files, isComplete } = await sourceClosure(entry)
    return !isComplete || hasAny(files, sources)
  }
  for (const { name, program } of Object.values(services)) {
    if (sources.size === 0 || program.kind === 'files') continue
    if (isForAll || program.kind !== 'entry' || (await isIn(program.entry))) names.add(name)
  }
  const { files } = await sourceClosure(file)
  return { services: names, isBlueprint: hasAny(files, changed) }
}

function hasAny(files: ReadonlySet<string>, changed: ReadonlySet<string>): boolean {
  return [...changed].some((file) => files.has(file))
}
