import { isDuration, parseDuration } from '../../core/duration.ts'
import { describeValue } from '../describe-value.ts'
import type { Place } from '../place.ts'
import type { Read, Reader } from './reader.ts'
import { object } from './reader.ts'
import { durationMs, longDurationMs, number, text } from './value.ts'

const HOUR_MS = 3_600_000
const BACKUPS_MAX = 10_000

const bucket: Reader<{ readonly name: string; readonly prefix: string }> = (given, place) => {
  const [, name, prefix = ''] = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*?))?\/?$/.exec(String(given)) ?? []
  return name === undefined
    ? place.invalid(
        `expected a bucket such as 's3://acme-backups/shop', got ${describeValue(given)}`,
        "write 's3://' and its name",
      )
    : { name, prefix }
}

/** Backups never go over a network that can be listened to. */
const ENDPOINT = /^(?:https:\/\/[^/@?#]+|http:\/\/(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])(?::\d+)?)$/

const endpoint: Reader<string> = (given, place) =>
  typeof given === 'string' && ENDPOINT.test(given)
    ? given
    : place.invalid(
        `expected the base URL of a store, got ${describeValue(given)}`,
        "write 'https://s3.example.com', without a path; http only for this machine",
      )

/** A bucket, as an object. */
export const readBucket: Reader<ReadBucket> = object({
  what: 'a bucket',
  options: { bucket, region: text('a region'), endpoint, lock: longDurationMs },
  required: ['bucket'],
})

/** What is read of `to`. */
export type ReadBackupPlace = { readonly folder: string } | ReadBucket

interface ReadBucket {
  readonly bucket: { readonly name: string; readonly prefix: string } | undefined
  readonly region: string | undefined
  readonly endpoint: string | undefined
  readonly lock: number | undefined
}

function to(given: unknown, place: Place): ReadBackupPlace | undefined {
  if (typeof given === 'object') return readBucket(given, place)
  if (typeof given === 'string' && given.startsWith('s3://')) {
    return place.invalid(`expected a folder or { bucket }, got '${given}'`, `write { bucket: '${given}' }`)
  }
  const folder = text("a folder, or { bucket: 's3://…' }")(given, place)
  return folder === undefined ? undefined : { folder }
}

const readKeep = object({
  what: 'what is kept of backups',
  options: { backups: number({ min: 1, max: BACKUPS_MAX, isInteger: true }), for: longDurationMs },
  hint: "write { backups: 7 } or { for: '30d' }",
})

function keep(given: unknown, place: Place): { readonly backups: number } | { readonly forMs: number } | undefined {
  const before = place.problemCount
  const read = readKeep(given, place)
  if (read === undefined || place.problemCount > before) return undefined
  if (read.backups !== undefined && read.for === undefined) return { backups: read.backups }
  if (read.for !== undefined && read.backups === undefined) return { forMs: read.for }
  return place.invalid('expected a number of backups or a time, one of them', "write { backups: 7 } or { for: '30d' }")
}

const walEvery: Reader<number> = (given, place) => {
  const milliseconds = durationMs(given, place)
  if (milliseconds === undefined || (milliseconds >= 1_000 && milliseconds <= HOUR_MS)) return milliseconds
  return place.invalid(`expected '1s' to '1h', got ${describeValue(given)}`, "write for example '10s'")
}

/** A target of zero is one. */
const lossMs: Reader<number> = (given, place) =>
  isDuration(given) ? parseDuration(given) : longDurationMs(given, place)

/** Backups of a database. */
export const backup: Reader<ReadBackup> = object({
  what: 'backups',
  options: { to, every: longDurationMs, keep, walEvery },
  hint: "write { to: './backups' }",
  required: ['to'],
})

export interface ReadBackup {
  readonly to: ReadBackupPlace | undefined
  readonly every: number | undefined
  readonly keep: Read<typeof keep> | undefined
  readonly walEvery: number | undefined
}

const targets: Reader<ReadTargets> = object({
  what: 'targets of recovery',
  options: { time: longDurationMs, loss: lossMs },
  hint: "write { time: '15m', loss: '10s' }",
})

/** What a disaster may cost. */
export const recovery: Reader<ReadRecovery> = object({
  what: 'targets of recovery',
  options: { time: longDurationMs, loss: lossMs, region: targets },
  hint: "write { time: '15m', loss: '10s' }",
})

interface ReadTargets {
  readonly time: number | undefined
  readonly loss: number | undefined
}

export interface ReadRecovery extends ReadTargets {
  readonly region: ReadTargets | undefined
}
