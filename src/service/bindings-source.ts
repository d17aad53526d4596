import { readFile, stat } from 'node:fs/promises'
import type { Cancel, Clock } from '../core/clock.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { BindingsDocument } from './bindings-document.ts'

/** The bindings document of this process, and what becomes of it. */
export interface BindingsSource {
  /** As it was read last. */
  current(): BindingsDocument
  close(): void
}

const LOOK_INTERVAL_MS = 1_000

/**
 * Reads the document named by `TENFOLD_BINDINGS` and looks once a second whether it has been replaced. One that can't
 * be read later leaves the last good one in place, with a warning.
 *
 * @throws TF_BINDINGS_MISSING, TF_BINDINGS_INVALID
 */
export async function openBindings(options: {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly clock: Clock
  readonly onChange: (document: BindingsDocument) => void
}): Promise<BindingsSource> {
  const { env, clock, onChange } = options
  const file = env.TENFOLD_BINDINGS
  if (file === undefined || file === '') throw missing('the variable TENFOLD_BINDINGS, got none')
  let stamp = await stampOf(file)
  let document = await read(file, env.TENFOLD_SERVICE)
  let isReading = false

  async function look(path: string): Promise<void> {
    if (isReading) return
    isReading = true
    try {
      const latest = await stampOf(path)
      if (latest === stamp) return
      stamp = latest
      document = await read(path, env.TENFOLD_SERVICE)
      onChange(document)
    } catch (error) {
      process.emitWarning(`tenfold: the bindings stay as they were: ${messageOf(error)}`)
    } finally {
      isReading = false
    }
  }

  const cancel: Cancel = clock.every(LOOK_INTERVAL_MS, () => void look(file), { unref: true })
  return { current: () => document, close: cancel }
}

/** Follows links: Kubernetes replaces the directory behind the name. */
async function stampOf(file: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(file)
    return `${ino} ${mtimeMs} ${size}`
  } catch (error) {
    throw missing(`a bindings document in ${file}, got ${messageOf(error)}`)
  }
}

async function read(file: string, service: string | undefined): Promise<BindingsDocument> {
  const document = parse(await readFile(file, 'utf8'))
  if (document === undefined) throw invalid(file, 'a JSON object, got something else')
  const { layout, databases, services } = document
  if (layout !== 1) throw invalid(file, `layout 1, got ${JSON.stringify(layout)}`)
  if (service !== undefined && document.service !== service) {
    throw invalid(file, `the bindings of ${service}, got those of ${document.service}`)
  }
  if (typeof databases !== 'object' || typeof services !== 'object') throw invalid(file, 'databases and services')
  return document as BindingsDocument
}

/** Without the parser's message, which quotes the text: passwords, too. */
function parse(text: string): Partial<BindingsDocument> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Partial<BindingsDocument>) : undefined
  } catch {
    return undefined
  }
}

function missing(what: string): TenfoldError {
  return new TenfoldError('TF_BINDINGS_MISSING', `expected ${what}`, {
    hint: 'start the service with "tenfold up", which tells it where its databases and services are',
  })
}

function invalid(file: string, what: string): TenfoldError {
  return new TenfoldError('TF_BINDINGS_INVALID', `expected ${file} to hold ${what}`, {
    hint: 'start the service with the version of tenfold that it imports',
    details: { file },
  })
}
