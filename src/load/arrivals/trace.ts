import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { messageOf, TenfoldError } from '../../core/errors.ts'
import type { ArrivalOptions, ArrivalPlan } from '../arrival.ts'
import { rateCurve } from '../rate-curve.ts'

/** Lines that a trace may have: a year of minutes, twice over. */
const TRACE_LINES_MAX = 1_100_000

/**
 * Independent users along recorded counts: each count is one interval of equal length, the whole trace takes the
 * duration, and its busiest interval is the peak.
 *
 * @param counts arrivals per interval, none negative, at least one positive
 */
export function traceArrivals(options: ArrivalOptions, counts: readonly number[]): ArrivalPlan {
  const busiest = counts.reduce((most, count) => Math.max(most, count), 0)
  const intervalMs = options.durationMs / counts.length
  const knots: [number, number][] = []
  counts.forEach((count, index) => {
    const perSecond = (count / busiest) * options.peakPerSecond
    knots.push([index * intervalMs, perSecond], [(index + 1) * intervalMs, perSecond])
  })
  return { spacing: 'poisson', curve: rateCurve(knots) }
}

/**
 * Reads the counts of a trace: a CSV file with a header line and one count per interval.
 *
 * @param trace.file path, relative to `directory`
 * @param trace.column header of the counts; may be left out when there is only one column
 * @throws TF_TRACE_INVALID when the file can't be read, or with the line that is wrong
 */
export async function readTrace(trace: { file: string; column?: string }, directory: string): Promise<number[]> {
  const path = resolve(directory, trace.file)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    throw invalid(path, `expected a readable trace file, got: ${messageOf(cause)}`, cause)
  }
  return parseTrace(text, path, trace.column)
}

/** The counts in the text of a trace; `path` names it in errors. */
export function parseTrace(text: string, path: string, column?: string): number[] {
  const lines = text.split(/\r?\n/)
  while (lines.at(-1) === '') lines.pop()
  if (lines.length - 1 > TRACE_LINES_MAX) {
    throw invalid(path, `expected at most ${TRACE_LINES_MAX} counts, got ${lines.length - 1}`)
  }
  const headers = (lines[0] ?? '').split(',').map((header) => header.trim())
  const index = column === undefined ? 0 : headers.indexOf(column)
  if (index < 0 || (column === undefined && headers.length > 1)) {
    const wanted = column === undefined ? 'one column, or its name in "column"' : `a column "${column}"`
    throw invalid(path, `expected ${wanted}, got the columns ${headers.join(', ')}`)
  }
  const counts = lines.slice(1).map((line, row) => {
    const cell = line.split(',')[index]?.trim() ?? ''
    const count = Number(cell)
    if (cell === '' || !Number.isFinite(count) || count < 0) {
      throw invalid(path, `expected a count of 0 or more in line ${row + 2}, got "${cell}"`)
    }
    return count
  })
  if (!counts.some((count) => count > 0)) throw invalid(path, 'expected at least one positive count, got none')
  return counts
}

function invalid(path: string, problem: string, cause?: unknown): TenfoldError {
  return new TenfoldError('TF_TRACE_INVALID', `trace ${path}: ${problem}`, {
    hint: 'give a CSV file with a header line and one count per line, for example requests_per_minute',
    details: { path },
    cause,
  })
}
