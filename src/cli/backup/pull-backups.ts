import { resolve } from 'node:path'
import type { PullReport } from '../../backups/pull.ts'
import { pull } from '../../backups/pull.ts'
import type { Keep } from '../../backups/retention.ts'
import { describeProgress, progressOf } from '../../backups/work-progress.ts'
import { systemClock } from '../../core/clock.ts'
import { isDuration, parseDuration } from '../../core/duration.ts'
import { TenfoldError } from '../../core/errors.ts'
import { formatSize } from '../../core/size.ts'
import type { CommandInput, ExitCode } from '../command.ts'
import { EXIT } from '../command.ts'
import { repositoryAt } from './repository-of.ts'

/** Pulls a folder or a bucket of backups into another folder. Needs no blueprint and no running system; exit status 1 with any alarm. */
export async function pullBackups({ terminal, options, signal }: CommandInput): Promise<ExitCode> {
  const [from, to] = [placeOf(options, 'from'), placeOf(options, 'to')]
  if (isBucket(to)) {
    throw new TenfoldError('TF_USAGE', `expected --to to be a folder, got ${to}`, {
      hint: 'pull into a folder; a bucket in another region is best copied by its store, under keys of its own',
    })
  }
  if (from === to) {
    throw new TenfoldError('TF_USAGE', `expected two folders, got ${from} twice`, { hint: 'give --to another one' })
  }
  const report = await pull({
    from: repositoryAt(from),
    to,
    keep: keepOf(options['keep']),
    clock: systemClock,
    signal,
    onProgress: progressOf('copying', systemClock, (progress) => terminal.progress(describeProgress(progress))),
  })
  terminal.progress('')
  terminal.out(options['json'] === true ? JSON.stringify(report) : pulledView(report, to))
  for (const { key, message } of report.alarms) terminal.note(`! ${key}: ${message}`)
  return report.alarms.length > 0 ? EXIT.failure : EXIT.success
}

function pulledView({ copiedObjects, copiedBytes, removed, alarms }: PullReport, to: string): string {
  return [
    `${copiedObjects} objects, ${formatSize(copiedBytes)}, pulled into ${to}`,
    ...removed.map((name) => `  removed by its own retention: ${name}`),
    ...(alarms.length === 0
      ? []
      : [
          `${alarms.length} of the source are not what they were: none of them was taken, and nothing was removed here`,
        ]),
  ].join('\n')
}

function placeOf(options: CommandInput['options'], name: 'from' | 'to'): string {
  const place = options[name]
  if (typeof place === 'string' && place !== '') return isBucket(place) ? place : resolve(place)
  throw new TenfoldError('TF_USAGE', `expected backup pull --from PLACE --to FOLDER, got no --${name}`, {
    hint: `add --${name} FOLDER`,
  })
}

function isBucket(place: string): boolean {
  return place.startsWith('s3://')
}

function keepOf(text: string | boolean | undefined): Keep | undefined {
  if (text === undefined) return undefined
  if (isDuration(text)) return { forMs: parseDuration(text) }
  if (/^[1-9]\d{0,4}$/.test(String(text))) return { backups: Number(text) }
  throw new TenfoldError('TF_USAGE', `expected --keep to be a number or a duration, got ${JSON.stringify(text)}`, {
    hint: "write 7, or '30d'",
  })
}
