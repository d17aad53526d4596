import type { ReleaseEntry } from '../control/snapshot.ts'
import type { ReleaseBook } from '../fleet/release-book.ts'
import { openReleaseBook } from '../fleet/release-book.ts'
import { rolledBackBecause, withEntry, withOutcome, withRollback, withServices } from '../fleet/release-history.ts'
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

/** All services run a release of the sources as they were at the start. */
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

/** A start takes the sources as they are, also those that were rolled back; then it says so. */
export function sayRolledBack(context: PartsContext, book: ReleaseBook, code: SystemCode): void {
  for (const name of Object.keys(context.blueprint.services)) {
    const { id } = releaseOf(code, name)
    const reason = rolledBackBecause(book.history, name, id)
    if (reason === undefined) continue
    const message = `${name} starts with release ${id.slice(0, 8)}, which was rolled back: ${reason}`
    const hint = 'the sources are as they were then; to go back to what ran before: tenfold rollback'
    context.notice({ level: 'warning', message, hint })
  }
}

/** What the history says of one change: that it has begun, and what came of it. */
export class ReleaseRecord {
  readonly #context: PartsContext
  readonly #book: ReleaseBook
  readonly #by: ReleaseEntry['by']
  #releases: readonly (readonly [service: string, release: string])[] = []

  constructor(context: PartsContext, book: ReleaseBook, by: ReleaseEntry['by']) {
    this.#context = context
    this.#book = book
    this.#by = by
  }

  /** @param releases what services are to run */
  async begin(releases: readonly (readonly [service: string, release: string])[]): Promise<void> {
    this.#releases = releases
    // It goes back to what ran, so there is nothing that would have to be undone.
    if (this.#by === 'rollback' || releases.length === 0) return
    const atEpochMs = this.#context.clock.epochMs()
    await this.#book.update((history) =>
      releases.reduce(
        (now, [service, release]) => withEntry(now, service, { release, atEpochMs, by: this.#by, state: 'under-way' }),
        history,
      ),
    )
  }

  async end(outcome: Pick<ReleaseEntry, 'state' | 'reason'>): Promise<void> {
    const isRollback = this.#by === 'rollback'
    if (this.#releases.length === 0 || (isRollback && outcome.state !== 'released')) return
    const back = { atEpochMs: this.#context.clock.epochMs(), reason: 'tenfold rollback' }
    await this.#book.update((history) =>
      this.#releases.reduce(
        (now, [service, release]) =>
          isRollback ? withRollback(now, service, release, back) : withOutcome(now, service, outcome),
        history,
      ),
    )
  }
}
