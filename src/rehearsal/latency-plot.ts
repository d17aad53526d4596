import { formatDuration } from '../core/duration.ts'

/** One line of the plot: a latency in milliseconds per moment, undefined where nothing was measured. */
export interface PlotSeries {
  readonly label: string
  readonly valuesMs: readonly (number | undefined)[]
}

export interface LatencyPlot {
  /** Drawn in this order, later ones on top; all of the same length, evenly spaced in time. */
  readonly series: readonly PlotSeries[]
  /** A horizontal line: the objective. */
  readonly bound?: { readonly label: string; readonly valueMs: number } | undefined
  /** Offered rate at the same moments, drawn as a strip below. */
  readonly rates: readonly number[]
  /** Seconds from the first moment to the last. */
  readonly durationSeconds: number
}

export interface PlotOptions {
  /** Columns in all. @default 78 */
  readonly columns?: number
  /** Rows of the plot itself. @default 10 */
  readonly rows?: number
  /** Colours the cells and the label of a series, or of the bound (`'bound'`) and the rates (`'rates'`). @default no colour */
  readonly paint?: (which: number | 'bound' | 'rates', text: string) => string
}

/** Columns of the labels and the axis on the left. */
const MARGIN = 9
/** Bits of a braille character, by row then column of its 4 × 2 dots (Unicode U+2800). */
const DOTS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
] as const

/**
 * Latency over time as text, on a logarithmic axis, so that the quiet minute and the bad second are both readable.
 * Pure: the same plot gives the same text.
 */
export function drawLatencyPlot(plot: LatencyPlot, options: PlotOptions = {}): string {
  const { columns = 78, rows = 10, paint = (_which, text) => text } = options
  const width = Math.max(10, columns - MARGIN)
  const axis = logarithmicAxis(plot, rows * 4)
  const cells = plot.series.map(({ valuesMs }) => drawLine(valuesMs, axis, width, rows))
  const boundRow = plot.bound === undefined ? undefined : Math.floor(axis.dotOf(plot.bound.valueMs) / 4)

  const lines = Array.from({ length: rows }, (_, row) => {
    const body = Array.from({ length: width }, (_unused, column) => {
      const top = cells.findLastIndex((cell) => cell[row]![column]! > 0)
      if (top === -1) return row === boundRow ? paint('bound', '╌') : ' '
      const bits = cells.reduce((sum, cell) => sum | cell[row]![column]!, 0)
      return paint(top, String.fromCodePoint(0x2800 + bits))
    }).join('')
    return `${axisLabel(axis, row, rows, boundRow, plot.bound?.valueMs).padStart(MARGIN - 2)} ┤${body}`
  })
  const legend = [
    ...plot.series.map(({ label }, index) => paint(index, `⠤ ${label}`)),
    ...(plot.bound === undefined ? [] : [paint('bound', `╌ ${plot.bound.label}`)]),
    paint('rates', '█ offered'),
  ]
  return [
    `${' '.repeat(MARGIN)}${legend.join('   ')}`,
    ...lines,
    `${' '.repeat(MARGIN - 1)}└${timeAxis(plot.durationSeconds, width)}`,
    `${`≤${rounded(Math.max(0, ...plot.rates))}/s`.padStart(MARGIN - 2)}  ${paint('rates', strip(plot.rates, width))}`,
  ].join('\n')
}

interface Axis {
  /** Dots from the top; clamped to the plot. */
  dotOf(valueMs: number): number
  valueAt(dot: number): number
}

function logarithmicAxis({ series, bound }: LatencyPlot, dots: number): Axis {
  const values = series.flatMap(({ valuesMs }) => valuesMs.filter((value) => value !== undefined))
  if (bound !== undefined) values.push(bound.valueMs)
  const low = Math.log(Math.max(0.1, Math.min(1000, ...values) / 1.3))
  const high = Math.max(Math.log(Math.max(1, ...values) * 1.3), low + 1)
  const step = (high - low) / (dots - 1)
  return {
    dotOf: (valueMs) => Math.min(dots - 1, Math.max(0, Math.round((high - Math.log(Math.max(valueMs, 1e-3))) / step))),
    valueAt: (dot) => Math.exp(high - dot * step),
  }
}

/** Bits of each cell; neighbouring moments are joined by a vertical stroke. */
function drawLine(values: PlotSeries['valuesMs'], axis: Axis, width: number, rows: number): readonly Uint8Array[] {
  const cells = Array.from({ length: rows }, () => new Uint8Array(width))
  let previous: number | undefined
  for (let x = 0; x < width * 2; x++) {
    const value = values[Math.min(values.length - 1, Math.floor((x * values.length) / (width * 2)))]
    const dot = value === undefined ? undefined : axis.dotOf(value)
    if (dot !== undefined) {
      const from = Math.min(dot, previous ?? dot)
      for (let y = from; y <= Math.max(dot, previous ?? dot); y++) {
        cells[y >> 2]![x >> 1]! |= DOTS[(y & 3) as 0 | 1 | 2 | 3][(x & 1) as 0 | 1]
      }
    }
    previous = dot
  }
  return cells
}

/** The bound's own value beside its line, and round values at the top, the middle and the bottom. */
function axisLabel(axis: Axis, row: number, rows: number, boundRow: number | undefined, boundMs = 0): string {
  if (row === boundRow) return formatDuration(boundMs)
  const isNearBound = boundRow !== undefined && Math.abs(boundRow - row) < 2
  const isLabelled = row === 0 || row === rows - 1 || row === Math.floor(rows / 2)
  return isLabelled && !isNearBound ? formatDuration(Number(axis.valueAt(row * 4 + 2).toPrecision(2))) : ''
}

function timeAxis(durationSeconds: number, width: number): string {
  const marks = [0, 0.25, 0.5, 0.75, 1].map((share) => ({
    at: Math.round(share * (width - 1)),
    label: share === 0 ? '0s' : formatDuration(share * durationSeconds * 1_000),
  }))
  const line = Array.from({ length: width }, () => '─')
  for (const { at, label } of marks) {
    const from = Math.max(0, Math.min(width - label.length, at - Math.floor(label.length / 2)))
    for (let i = 0; i < label.length; i++) line[from + i] = label[i]!
  }
  return line.join('')
}

/** Eight heights of a block, each column the mean of its moments. */
function strip(rates: readonly number[], width: number): string {
  const peak = Math.max(1e-9, ...rates)
  return Array.from({ length: width }, (_, column) => {
    const rate = rates[Math.min(rates.length - 1, Math.floor((column * rates.length) / width))] ?? 0
    return ' ▁▂▃▄▅▆▇█'[Math.ceil((rate / peak) * 8)]
  }).join('')
}

function rounded(value: number): number {
  return Number(value.toPrecision(3))
}
