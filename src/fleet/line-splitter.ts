import { LINE_BYTES_MAX } from './last-lines.ts'

/** Makes lines of pieces of output. */
export interface LineSplitter {
  /** The lines that end in this piece. */
  push(piece: Uint8Array): readonly string[]
  /** What came after the last line break, if anything, as a line. */
  flush(): readonly string[]
}

const LINE_BREAK = 10

/** Holds at most one line of 16 KiB; the rest of a longer one is left out, and the line says how much. */
export function createLineSplitter(): LineSplitter {
  let held: Uint8Array[] = []
  let heldBytes = 0
  let cutBytes = 0

  function hold(piece: Uint8Array): void {
    const fitting = piece.subarray(0, Math.max(0, LINE_BYTES_MAX - heldBytes))
    // A copy: the caller reads the next piece into the same memory.
    if (fitting.length > 0) held.push(Buffer.from(fitting))
    heldBytes += fitting.length
    cutBytes += piece.length - fitting.length
  }

  function take(): string {
    const text = Buffer.concat(held).toString('utf8').replace(/\r$/, '')
    const line = cutBytes === 0 ? text : `${text}… (${cutBytes} bytes more)`
    held = []
    heldBytes = 0
    cutBytes = 0
    return line
  }

  return {
    push(piece) {
      const lines: string[] = []
      let start = 0
      for (let end = piece.indexOf(LINE_BREAK); end !== -1; end = piece.indexOf(LINE_BREAK, start)) {
        hold(piece.subarray(start, end))
        lines.push(take())
        start = end + 1
      }
      hold(piece.subarray(start))
      return lines
    },
    flush: () => (heldBytes === 0 ? [] : [take()]),
  }
}
