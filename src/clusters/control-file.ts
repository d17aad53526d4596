import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What `global/pg_control` says about a data directory whose server is not running. */
export interface ControlFile {
  /** Made by initdb, the same for a primary and its standbys. */
  readonly systemIdentifier: string
  /** Whether the last server stopped in order; if not, the next start replays the log first. */
  readonly wasShutDown: boolean
  /** Where the last checkpoint is in the log; after a shutdown in order, it is the end of the log. */
  readonly checkpoint: bigint
}

const SHUT_DOWN = 1
const SHUT_DOWN_IN_RECOVERY = 2

/** Reads the control file of a data directory; undefined if there is none. */
export async function readControlFile(dataDirectory: string): Promise<ControlFile | undefined> {
  try {
    return parseControlFile(await readFile(join(dataDirectory, 'global', 'pg_control')))
  } catch {
    // Absent or unreadable is the same to callers: this is not the data of a server.
    return undefined
  }
}

/**
 * The first fields of `ControlFileData` (PostgreSQL's `catalog/pg_control.h`), in the byte order of the machine that
 * wrote them, which is this one: system identifier (8 bytes), two versions (4 each), state (4), four bytes of padding,
 * time (8), position of the last checkpoint (8).
 */
export function parseControlFile(bytes: Uint8Array): ControlFile {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const isLittleEndian = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1
  const state = view.getUint32(16, isLittleEndian)
  return {
    systemIdentifier: view.getBigUint64(0, isLittleEndian).toString(),
    checkpoint: view.getBigUint64(32, isLittleEndian),
    wasShutDown: state === SHUT_DOWN || state === SHUT_DOWN_IN_RECOVERY,
  }
}
