import { clusters, clustersOf } from '../../blueprint/clusters-of.ts'
import type { ResolvedBlueprint } from '../../blueprint/resolved-blueprint.ts'
import type { ControlClient } from '../../control/control-client.ts'
import { connectControl } from '../../control/control-client.ts'
import { stateDirectoryOf } from '../../control/state-paths.ts'
import { systemClock } from '../../core/clock.ts'
import { formatDuration } from '../../core/duration.ts'
import { TenfoldError } from '../../core/errors.ts'
import { formatSize } from '../../core/size.ts'
import { describeProgress, progressOf } from '../../backups/work-progress.ts'
import type { CommandInput, ExitCode } from '../command.ts'
import { EXIT } from '../command.ts'
import type { Terminal } from '../terminal.ts'
import { requireDatabase } from './restore-place.ts'

const TIMEOUT_MS = 24 * 3_600_000

interface TakenBackup {
  readonly name: string
  readonly database: string
  readonly sizeBytes: number
  readonly startedEpochMs: number
  readonly endedEpochMs: number
}

/** Takes backups of some databases of a running system, one after the other. */
export async function takeBackups(
  { terminal, options, signal }: CommandInput,
  blueprint: ResolvedBlueprint,
  names: readonly string[],
): Promise<ExitCode> {
  const isJson = options['json'] === true
  const control = connectControl(stateDirectoryOf(blueprint))
  const taken: TakenBackup[] = []
  for (const name of chosenDatabases(blueprint, names)) {
    requireDatabase(blueprint, name)
    const backup = await showing(name, control, terminal, signal, () =>
      control.command<TakenBackup>('backup', { database: name }, { signal, timeoutMs: TIMEOUT_MS }),
    )
    taken.push(backup)
    if (!isJson) terminal.out(line(backup))
  }
  if (isJson) terminal.out(JSON.stringify(taken))
  return EXIT.success
}

/**
 * Those that were named, a sharded one as all its shards, or all that have backups.
 *
 * @throws TF_USAGE when there is none
 */
export function chosenDatabases(blueprint: ResolvedBlueprint, named: readonly string[]): readonly string[] {
  const { databases } = blueprint
  if (named.length > 0) {
    return named.flatMap((name) => {
      const database = databases[name]
      return database === undefined ? [name] : clustersOf(database).map((cluster) => cluster.name)
    })
  }
  const names = Object.values(clusters(blueprint)).flatMap(({ name, backup }) => (backup === undefined ? [] : [name]))
  if (names.length > 0) return names
  throw new TenfoldError('TF_USAGE', 'expected a database with backups in the blueprint, got none', {
    hint: "write databases: { orders: { backup: { to: '/mnt/backups' } } }",
  })
}

function line({ database, name, sizeBytes, startedEpochMs, endedEpochMs }: TakenBackup): string {
  return `${database}: ${name}, ${formatSize(sizeBytes)} in ${formatDuration(endedEpochMs - startedEpochMs)}`
}

/** Shows how far it is, as the snapshot says. */
async function showing<Result>(
  database: string,
  control: ControlClient,
  terminal: Terminal,
  signal: AbortSignal,
  work: () => Promise<Result>,
): Promise<Result> {
  const ended = new AbortController()
  const report = progressOf('copying', systemClock, (progress) =>
    terminal.progress(`${database}: ${describeProgress(progress)}`),
  )
  const following = (async () => {
    for await (const snapshot of control.watch(AbortSignal.any([ended.signal, signal]))) {
      const taking = snapshot.databases[database]?.backup?.taking
      if (taking !== undefined) report(taking.doneBytes, taking.totalBytes)
    }
  })().catch(() => undefined)
  try {
    return await work()
  } finally {
    ended.abort()
    await following
    terminal.progress('')
  }
}
