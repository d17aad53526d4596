import { planRestore } from '../../backups/restore-plan.ts'
import { parseTarget } from '../../backups/restore-target.ts'
import { drainSpool } from '../../backups/spool.ts'
import { keysOf } from '../../backups/lineage.ts'
import { passwordsFor, swapData } from '../../backups/swap-data.ts'
import { clusterPathsOf, readClusterRecord } from '../../clusters/cluster-record.ts'
import { systemClock } from '../../core/clock.ts'
import { messageOf, TenfoldError } from '../../core/errors.ts'
import { namedBlueprint } from '../blueprint-argument.ts'
import { catalogOf, repositoryOf } from '../backup/repository-of.ts'
import type { RestorePlace } from '../backup/restore-place.ts'
import { openRestorePlace, requireDatabase } from '../backup/restore-place.ts'
import { reportOf, reportView, runRestore } from '../backup/run-restore.ts'
import type { Command, CommandInput } from '../command.ts'
import { EXIT, SYSTEM_OPTION } from '../command.ts'

const PUT_TIMEOUT_MS = 600_000

/** `tenfold restore`: bring a database back to what it was. */
export const restore: Command = {
  name: 'restore',
  summary: 'bring a database back to a moment, a position, a name or the end of its archive',
  description:
    'Restores beside the data that is there, from a backup and the archived log; compares every file with what was\n' +
    'written, and looks at every table and index. Only then the two change places: the former data stays beside the new,\n' +
    'under a name that is printed. When anything fails, nothing has changed. Works while the system runs, which answers\n' +
    'until the change and again after it, and while it is down, also on a new machine that has only the repository.\n' +
    'Migrations that are newer than the moment are applied again at the start.',
  argument: { name: 'DATABASE', description: 'the name that the blueprint gives it' },
  options: {
    ...SYSTEM_OPTION,
    to: {
      type: 'string',
      value: 'TARGET',
      description: 'a time with its zone, a position of the log, a point or backup by name, or latest',
    },
    from: {
      type: 'string',
      value: 'PLACE',
      description: 'a folder with backups, or s3://bucket/prefix (default: what the blueprint says)',
    },
    timeline: { type: 'string', value: 'NUMBER', description: 'follow this history of the log (default: the latest)' },
    'dry-run': { type: 'boolean', description: 'only say which backup would be used' },
  },
  examples: [
    ['npx tenfold restore orders --to 2026-11-22T23:19:00Z', 'as it was then'],
    ['npx tenfold restore orders --to before-menu', 'to a point named with "tenfold backup mark"'],
    ['npx tenfold restore orders --to latest --from /mnt/second-region', 'all there is, from the pulled copy'],
  ],
  async run(input) {
    const { argument: name, options, terminal, signal } = input
    const target = parseTarget(requireTarget(options['to']))
    const timeline = timelineOf(options['timeline'])
    const isJson = options['json'] === true
    const blueprint = await namedBlueprint({ ...input, argument: String(options['system'] ?? '.') })
    const database = requireDatabase(blueprint, name)
    const repository = repositoryOf(blueprint, database, options['from'])
    const place = await openRestorePlace(blueprint, name, systemClock)
    try {
      const paths = clusterPathsOf(place.clusterDirectory)
      const record = await readClusterRecord(paths)
      const before = await catalogOf(repository, name, record?.systemIdentifier)
      if (options['from'] === undefined) await archiveTheRest(place, name, input, before.lineage, repository)
      const catalog = await catalogOf(repository, name, record?.systemIdentifier)
      const plan = planRestore(catalog, target, timeline)
      if (options['dry-run'] === true) {
        const summary = { backup: plan.backup.name, reason: plan.reason, segments: plan.segments.length }
        terminal.out(isJson ? JSON.stringify(summary) : `${plan.backup.name}: ${plan.reason}`)
        return EXIT.success
      }
      terminal.note(`restoring ${name} from ${plan.backup.name} (${plan.reason}) in ${repository.where}`)
      const passwords = await passwordsFor(paths)
      const outcome = await runRestore(
        {
          place,
          repository,
          catalog,
          target,
          timeline,
          passwords,
          isThorough: false,
          terminal,
          signal,
          clock: systemClock,
        },
        async (restored) => {
          signal.throwIfAborted()
          const former =
            place.control === undefined
              ? await swapData(place.clusterDirectory, restored.dataDirectory, passwords, systemClock)
              : (
                  await place.control.command<{ former: readonly string[] }>(
                    'restore-put',
                    { database: name, restored: restored.dataDirectory },
                    { timeoutMs: PUT_TIMEOUT_MS },
                  )
                ).former
          return { ...reportOf(name, restored), former }
        },
      )
      if (isJson) terminal.out(JSON.stringify(outcome))
      else terminal.out(restoredView(outcome, place.control !== undefined))
      return EXIT.success
    } finally {
      await place.close()
    }
  },
}

/** What was committed and is not archived yet, as far as it can be had. */
async function archiveTheRest(
  { control, clusterDirectory }: RestorePlace,
  database: string,
  { terminal, signal }: CommandInput,
  lineage: Parameters<typeof keysOf>[0],
  repository: Parameters<typeof drainSpool>[1],
): Promise<void> {
  try {
    if (control === undefined) await drainSpool(clusterPathsOf(clusterDirectory).spool, repository, keysOf(lineage))
    else await control.command('backup-flush', { database }, { signal, timeoutMs: 60_000 })
  } catch (error) {
    terminal.note(`what was written last is not in the archive, and can't be brought there now: ${messageOf(error)}`)
  }
}

function restoredView(
  outcome: Parameters<typeof reportView>[0] & { readonly former: readonly string[] },
  isRunning: boolean,
): string {
  const former = outcome.former.map((path) => `  former data  ${path} (remove it when you do not need it any more)`)
  const next = isRunning ? 'it answers again' : 'start it with "tenfold up"'
  return [`${outcome.database} is restored; ${next}`, reportView(outcome), ...former].join('\n')
}

function requireTarget(to: string | boolean | undefined): string {
  if (typeof to === 'string') return to
  throw new TenfoldError('TF_USAGE', 'expected --to TARGET, got none', {
    hint: 'write --to latest, or a time such as --to 2026-11-22T23:19:00Z',
  })
}

function timelineOf(text: string | boolean | undefined): number | undefined {
  if (text === undefined) return undefined
  if (/^[1-9]\d{0,8}$/.test(String(text))) return Number(text)
  throw new TenfoldError('TF_USAGE', `expected --timeline to be a number from 1, got ${JSON.stringify(text)}`, {
    hint: 'leave it out for the latest',
  })
}
