import type { ReleaseEntry } from '../control/snapshot.ts'
import type { ReleaseBook } from '../fleet/release-book.ts'
import { openReleaseBook } from '../fleet/release-book.ts'
import type { ReleaseHistory } from '../fleet/release-history.ts'
import { withEntry, withOutcome, withRollback, withServices } from '../fleet/release-history.ts'
import { releaseOf } from './apply-plan.ts'
import type { PartsContext } from './parts-context.ts'
import type { SystemCode } from './system-code.ts'

/** Opens the history of releases; the snapshot shows it from then on. */
export function openBook(context: PartsContext): Promise<ReleaseBook> {
  return openReleaseBook({
    file: context.state.releasesFile,
    onProblem: (message) => context.notice({ level: 'warning', message }),
    onChange: (history) =>
      context.change((snapshot) => {
        const services = Object.entries(snapshot.services).map(([name, status]) => {
          const releases = history[name]
          return [name, releases === undefined ? status : { ...status, releases }] as const
        })
        return { ...snapshot, services: Object.fromEntries(services) }
      }),
  })
}

/** All services run what the start has taken for them. */
export async function recordStart(context: PartsContext, book: ReleaseBook, code: SystemCode): Promise<void> {
  const names = Object.keys(context.blueprint.services)
  const atEpochMs = context.clock.epochMs()
  await book.update((history) =>
    names.reduce(
      (now, name) =>
        withEntry(now, name, { release: releaseOf(code, name).id, atEpochMs, by: 'up', state: 'released' }),
      withServices(history, names),
    ),
  )
}

/** What the history says of one change: that it has begun, and what came of it. */
export class ReleaseRecord {
  readonly #context: PartsContext
  readonly #book: ReleaseBook
  readonly #by: ReleaseEntry['by']
  #releases: readonly (readonly [service: string, release: string])[] = []
  #before: ReleaseHistory = {}

  constructor(context: PartsContext, book: ReleaseBook, by: ReleaseEntry['by']) {
    this.#context = context
    this.#book = book
    this.#by = by
  }

  /**
   * On the disk when it resolves, before anything is changed: a start after our death goes by it. What is being released
   * has not proved itself; whoever goes back does not want what he leaves, whatever comes of it.
   *
   * @param releases what services are to run
   */
  async begin(releases: readonly (readonly [service: string, release: string])[]): Promise<void> {
    this.#releases = releases
    this.#before = this.#book.history
    if (releases.length === 0) return
    const atEpochMs = this.#context.clock.epochMs()
    await this.#update((now, service, release) =>
      this.#by === 'rollback'
        ? withRollback(now, service, release, { atEpochMs, reason: 'tenfold rollback' })
        : withEntry(now, service, { release, atEpochMs, by: this.#by, state: 'under-way' }),
    )
  }

  async end(outcome: Pick<ReleaseEntry, 'state' | 'reason'>): Promise<void> {
    const { phase } = this.#context.snapshots.current()
    // Cut short by a stop it has proved nothing, as if we had died.
    if (outcome.state === 'rolled-back' && (phase === 'stopping' || phase === 'stopped')) return
    if (this.#by !== 'rollback') await this.#update((now, service) => withOutcome(now, service, outcome))
    else if (outcome.state === 'rolled-back') {
      await this.#update((now, service) => ({ ...now, [service]: this.#before[service] ?? [] }))
    }
  }

  async #update(change: (history: ReleaseHistory, service: string, release: string) => ReleaseHistory): Promise<void> {
    if (this.#releases.length === 0) return
    await this.#book.update((history) =>
      this.#releases.reduce((now, [service, release]) => change(now, service, release), history),
    )
  }
}
