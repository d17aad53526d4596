import type { SerialisedHistogram } from '../core/histogram.ts'

/**
 * One number of the history. A `level` is the mean and the highest of a gauge in one of its longer steps; in a step of
 * one second it is a plain number.
 */
export type StoredValue =
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'level'; readonly mean: number; readonly max: number }
  | { readonly kind: 'histogram'; readonly histogram: SerialisedHistogram }

/** All samples of one step, by the number of their series. */
export type StoredSamples = ReadonlyMap<number, StoredValue>

const INTEGER = 0
const FLOAT = 1
const HISTOGRAM = 2
const LEVEL = 3
const TAGS = 4
/** Counts of a bucket that stand beside its index. */
const SMALL_COUNTS = 8

/** Whole numbers above this are kept as 32-bit floats, like fractions: seven digits. */
const INTEGER_MAX = 2 ** 50

/**
 * The samples as bytes: in order of their series, each as varint(4 × step in the number + tag) and its value. Whole
 * numbers are zigzag varints, so a 0 of the next series takes two bytes; fractions are 32-bit floats; a histogram is
 * its non-empty buckets, as varint(8 × step in the index + count), where a count above 7 is 0 and follows by itself: most
 * buckets take one byte.
 */
export function encodeSamples(samples: StoredSamples): Uint8Array {
  const writer = createWriter()
  let last = 0
  for (const [series, value] of [...samples].sort(([a], [b]) => a - b)) {
    const tag = tagOf(value)
    writer.varint((series - last) * TAGS + tag)
    last = series
    if (value.kind === 'histogram') writeHistogram(writer, value.histogram)
    else if (value.kind === 'level') {
      writer.float(value.mean)
      writer.float(value.max)
    } else if (tag === INTEGER) writer.varint(value.value < 0 ? -2 * value.value - 1 : 2 * value.value)
    else writer.float(value.value)
  }
  return writer.bytes()
}

/**
 * Calls `take` with each sample for which `isWanted` holds; the others are passed over without being made.
 *
 * @throws RangeError for bytes that `encodeSamples` did not make
 */
export function decodeSamples(
  bytes: Uint8Array,
  take: (series: number, value: StoredValue) => void,
  isWanted: (series: number) => boolean = () => true,
): void {
  const reader = createReader(bytes)
  let series = 0
  while (!reader.isAtEnd()) {
    const head = reader.varint()
    const tag = head % TAGS
    series += (head - tag) / TAGS
    const wanted = isWanted(series)
    if (tag === HISTOGRAM) {
      const histogram = readHistogram(reader, wanted)
      if (wanted) take(series, { kind: 'histogram', histogram })
    } else if (tag === LEVEL) {
      const mean = reader.float()
      const max = reader.float()
      if (wanted) take(series, { kind: 'level', mean, max })
    } else {
      const value = tag === INTEGER ? unzigzag(reader.varint()) : reader.float()
      if (wanted) take(series, { kind: 'number', value })
    }
  }
}

function tagOf(value: StoredValue): number {
  if (value.kind === 'histogram') return HISTOGRAM
  if (value.kind === 'level') return LEVEL
  return Number.isInteger(value.value) && Math.abs(value.value) <= INTEGER_MAX ? INTEGER : FLOAT
}

function unzigzag(value: number): number {
  return value % 2 === 1 ? -(value + 1) / 2 : value / 2
}

function writeHistogram(writer: ByteWriter, { buckets, sum, max }: SerialisedHistogram): void {
  writer.varint(buckets.length)
  let last = 0
  for (const [index, count] of buckets) {
    const isSmall = count < SMALL_COUNTS
    writer.varint((index - last) * SMALL_COUNTS + (isSmall ? count : 0))
    if (!isSmall) writer.varint(count)
    last = index
  }
  writer.varint(Math.min(Math.round(sum), Number.MAX_SAFE_INTEGER))
  writer.varint(max)
}

function readHistogram(reader: ByteReader, isWanted: boolean): SerialisedHistogram {
  const buckets: [number, number][] = []
  let index = 0
  for (let left = reader.varint(); left > 0; left--) {
    const head = reader.varint()
    const small = head % SMALL_COUNTS
    index += (head - small) / SMALL_COUNTS
    const count = small === 0 ? reader.varint() : small
    if (isWanted) buckets.push([index, count])
  }
  return { buckets, sum: reader.varint(), max: reader.varint() }
}

interface ByteWriter {
  varint(value: number): void
  float(value: number): void
  bytes(): Uint8Array
}

function createWriter(): ByteWriter {
  let buffer = Buffer.allocUnsafe(1_024)
  let length = 0
  function reserve(): void {
    if (length + 8 <= buffer.length) return
    const larger = Buffer.allocUnsafe(buffer.length * 2)
    buffer.copy(larger, 0, 0, length)
    buffer = larger
  }
  return {
    varint(value) {
      reserve()
      let rest = value
      // Beyond 31 bits, so by division.
      while (rest >= 128) {
        buffer[length++] = (rest % 128) + 128
        rest = Math.floor(rest / 128)
      }
      buffer[length++] = rest
    },
    float(value) {
      reserve()
      length = buffer.writeFloatLE(value, length)
    },
    bytes: () => buffer.subarray(0, length),
  }
}

interface ByteReader {
  isAtEnd(): boolean
  varint(): number
  float(): number
}

function createReader(bytes: Uint8Array): ByteReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let position = 0
  return {
    isAtEnd: () => position >= bytes.length,
    varint() {
      let value = 0
      let scale = 1
      for (;;) {
        const byte = view.getUint8(position++)
        if (byte < 128) return value + byte * scale
        value += (byte - 128) * scale
        scale *= 128
      }
    },
    float() {
      position += 4
      return view.getFloat32(position - 4, true)
    },
  }
}
