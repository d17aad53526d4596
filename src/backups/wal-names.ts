import type { LogPosition } from '../sql/log-position.ts'
import { parsePosition } from '../sql/log-position.ts'

/** As initdb makes them. */
export const SEGMENT_BYTES: bigint = 16n * 1024n * 1024n

/** Segments in one of the units that names are counted in, 4 GiB. */
const PER_UNIT = 0x1_0000_0000n / SEGMENT_BYTES

/** One file of the log. */
export interface Segment {
  readonly timeline: number
  /** `position / SEGMENT_BYTES`; grows over all timelines. */
  readonly number: bigint
}

/** Where one history of the log ended and another began. */
export interface Fork {
  /** The history that was left. */
  readonly timeline: number
  readonly at: LogPosition
}

/** The name of a segment's file: timeline, unit and number within it, eight hexadecimal digits each. */
export function segmentName({ timeline, number }: Segment): string {
  return [BigInt(timeline), number / PER_UNIT, number % PER_UNIT].map(eightDigits).join('')
}

/** What a file's name says; undefined when it is no whole segment. */
export function parseSegmentName(name: string): Segment | undefined {
  if (!/^[0-9A-F]{24}$/.test(name)) return undefined
  const [timeline, unit, rest] = [0, 8, 16].map((from) => BigInt(`0x${name.slice(from, from + 8)}`))
  return { timeline: Number(timeline), number: unit! * PER_UNIT + rest! }
}

/** The segment that a position is in. */
export function segmentOf(timeline: number, position: LogPosition): Segment {
  return { timeline, number: position / SEGMENT_BYTES }
}

/** The segment that holds the last byte before a position. */
export function segmentBefore(timeline: number, position: LogPosition): Segment {
  return segmentOf(timeline, position - 1n)
}

/** The file that says how a timeline came to be. */
export function historyName(timeline: number): string {
  return `${eightDigits(BigInt(timeline))}.history`
}

/** The timeline of a history file; undefined for another name. */
export function parseHistoryName(name: string): number | undefined {
  return /^[0-9A-F]{8}\.history$/.test(name) ? Number.parseInt(name.slice(0, 8), 16) : undefined
}

/** Whether PostgreSQL gives files to an archive by this name. */
export function isArchivedName(name: string): boolean {
  return /^[0-9A-F]{24}(\.partial|\.[0-9A-F]{8}\.backup)?$/.test(name) || parseHistoryName(name) !== undefined
}

/** The forks that led to a timeline, the oldest first: each line is a timeline, the position where it was left, and why. */
export function parseHistory(text: string): readonly Fork[] {
  return text.split('\n').flatMap((line) => {
    const [, timeline, at] = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line) ?? []
    return timeline === undefined ? [] : [{ timeline: Number(timeline), at: parsePosition(at!) }]
  })
}

function eightDigits(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0')
}
