import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Where a command writes. Results go to `out`, what accompanies them (progress, logs, errors) to `note`. */
export interface Terminal {
  /** Whether a person watches: progress lines are rewritten in place, text is coloured. */
  readonly isInteractive: boolean
  readonly columns: number
  out(text: string): void
  note(text: string): void
  /** Shows a line in place of the last one shown; only where a person watches. `''` removes it. */
  progress(text: string): void
  style(style: Style, text: string): string
}

/**
 * The terminal of this process; colours obey `NO_COLOR`, `FORCE_COLOR` and whether a terminal is there. What can't be
 * written is lost, and nothing ends by it.
 *
 * @param options.onReaderGone called when nobody reads the results any more: the pipe or the terminal was closed
 */
export function processTerminal(options: { onReaderGone: () => void }): Terminal {
  const isInteractive = process.stdout.isTTY && process.stderr.isTTY
  let shown = false
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || error.code === 'EIO') options.onReaderGone()
  })
  process.stderr.on('error', () => undefined)

  function write(stream: NodeJS.WriteStream, text: string): void {
    if (shown) process.stderr.write('\r\x1b[2K')
    shown = false
    stream.write(`${text}\n`)
  }

  return {
    isInteractive,
    get columns() {
      // A terminal that does not know its size says 0.
      return process.stdout.columns || 100
    },
    out: (text) => write(process.stdout, text),
    note: (text) => write(process.stderr, text),
    progress(text) {
      if (!isInteractive) return
      process.stderr.write(`\r\x1b[2K${text}`)
      shown = text !== ''
    },
    style: (style, text) => styleText(style, text, { stream: process.stdout }),
  }
}
