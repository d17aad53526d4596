import { LINE_BYTES_MAX } from './last-lines.ts'

/** Makes lines of pieces of output. */
export interface LineSplitter {
  /** The lines that end in this piece. */
  push(piece: Uint8Array): readonly string[]
  /** How many lines end in this piece; they are not made, which costs some hundred times less. */
  skip(piece: Uint8Array): number
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

  function forget(): void {
    held = []
    heldBytes = 0
    cutBytes = 0
  }

  function take(): string {
    const text = Buffer.concat(held).toString('utf8').replace(/\r$/, '')
    const line = cutBytes === 0 ? text : `${text}… (${cutBytes} bytes more)`
    forget()
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
    skip(piece) {
      let lines = 0
      for (let i = 0; i < piece.length; i++) if (piece[i] === LINE_BREAK) lines++
      if (lines > 0) forget()
      hold(piece.subarray(piece.lastIndexOf(LINE_BREAK) + 1))
      return lines
    },
    flush: () => (heldBytes === 0 ? [] : [take()]),
  }
}
