import { watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Cancel, Clock } from '../core/clock.ts'
import { messageOf, TenfoldError } from '../core/errors.ts'
import type { BindingsDocument } from './bindings-document.ts'

/** The bindings document of this process, and what becomes of it. */
export interface BindingsSource {
  /** As it was read last. */
  current(): BindingsDocument
  /** Looks now whether the document has been replaced; `onChange` has been called when it resolves. Never rejects. */
  refresh(): Promise<void>
  close(): void
}

const LOOK_INTERVAL_MS = 1_000

/**
 * Reads the document named by `TENFOLD_BINDINGS` and follows it: the operating system says when its directory changes,
 * and in case it does not, a look a second finds out. One that can't be read later leaves the last good one in place,
 * with a warning.
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
  let looking: Promise<void> | undefined
  /** Said once, not at every look. */
  let complaint: string | undefined

  async function look(path: string): Promise<void> {
    try {
      const latest = await stampOf(path)
      if (latest === stamp) return
      stamp = latest
      document = await read(path, env.TENFOLD_SERVICE)
      complaint = undefined
      onChange(document)
    } catch (error) {
      if (messageOf(error) !== complaint)
        process.emitWarning(`tenfold: the bindings stay as they were: ${messageOf(error)}`)
      complaint = messageOf(error)
    }
  }

  async function refresh(path: string): Promise<void> {
    // A look that has begun may have missed the change.
    await looking
    looking ??= look(path).finally(() => (looking = undefined))
    await looking
  }

  const cancel: Cancel = clock.every(LOOK_INTERVAL_MS, () => void refresh(file), { unref: true })
  const unwatch = watchDirectory(dirname(file), () => void refresh(file))
  return {
    current: () => document,
    refresh: () => refresh(file),
    close() {
      cancel()
      unwatch()
    },
  }
}

/** Hears of changes at once. Where the system has no watch left, nothing is heard. */
function watchDirectory(directory: string, onChange: () => void): () => void {
  try {
    const watcher = watch(directory, { persistent: false }, onChange)
    watcher.on('error', () => watcher.close())
    return () => watcher.close()
  } catch {
    return () => {}
  }
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
