import type { Fact, PortUse } from './application.ts'
import type { ProjectFiles } from './project-files.ts'
import type { Found } from './source-text.ts'
import { findFirst, placeOf } from './source-text.ts'

const READS_PORT = [
  /\benv\s*\??\.\s*PORT\b/,
  /\benv\s*\[\s*['"`]PORT['"`]\s*\]/,
  /\{[^{}]*\bPORT\b[^{}]*\}\s*=\s*(?:process\.)?env\b/,
  /\.get(?:OrThrow)?(?:<\w+>)?\(\s*['"`]PORT['"`]/,
]
const READS_PORT_PYTHON = [/environ(?:\.get\(|\[)\s*['"]PORT['"]/, /getenv\(\s*['"]PORT['"]/]

/** Places that name the port, as digits or by a variable. */
const LISTENS = [
  /\.listen\(\s*(?<port>\d{2,5}|[A-Za-z_$][\w$]*)\s*[,)]/,
  /\.listen\(\s*\{[^}]*?\bport\s*:\s*(?<port>\d{2,5}|[A-Za-z_$][\w$]*)/,
  /\.listen\(\s*\{[^}]*?\b(?<port>port)\s*[,}]/,
  /\bserve\(\s*\{[^]{0,400}?\bport\s*:\s*(?<port>\d{2,5}|[A-Za-z_$][\w$]*)/,
  /\bserve\(\s*\{[^]{0,400}?\b(?<port>port)\s*[,}]/,
]
const LISTENS_PYTHON = [
  /\b\w*(?:HTTPServer|TCPServer)\(\s*\(\s*[^,()]*,\s*(?<port>\d{2,5}|[A-Za-z_]\w*)\s*\)/,
  /\bmake_server\(\s*[^,()]*,\s*(?<port>\d{2,5}|[A-Za-z_]\w*)/,
  /\bserver_address\s*=\s*\(\s*[^,()]*,\s*(?<port>\d{2,5}|[A-Za-z_]\w*)\s*\)/,
  /\brun\([^)]*\bport\s*=\s*(?<port>\d{2,5}|[A-Za-z_]\w*)/,
]
const PORT_MAX = 65_535

/** How the sources of a Node program come to their port; `paths` are its files, the first one first. */
export function nodePortUse(files: ProjectFiles, paths: readonly string[]): Fact<PortUse> {
  return readsPort(files, paths, READS_PORT) ?? fixedPort(files, paths, LISTENS) ?? honoPort(files, paths) ?? UNKNOWN
}

/** The same for a Python program. */
export function pythonPortUse(files: ProjectFiles, paths: readonly string[]): Fact<PortUse> {
  return readsPort(files, paths, READS_PORT_PYTHON) ?? fixedPort(files, paths, LISTENS_PYTHON) ?? UNKNOWN
}

const UNKNOWN: Fact<PortUse> = {
  value: 'unknown',
  because: 'nothing in its sources shows which port it listens on; PORT tells it',
}

function readsPort(
  files: ProjectFiles,
  paths: readonly string[],
  patterns: readonly RegExp[],
): Fact<PortUse> | undefined {
  for (const pattern of patterns) {
    const found = findFirst(files, paths, pattern)
    if (found !== undefined) return { value: 'environment', because: `${placeOf(found)} reads PORT` }
  }
  return undefined
}

function fixedPort(
  files: ProjectFiles,
  paths: readonly string[],
  patterns: readonly RegExp[],
): Fact<PortUse> | undefined {
  for (const pattern of patterns) {
    const found = findFirst(files, paths, pattern)
    const port = found === undefined ? undefined : numberOf(files, paths, found)
    if (found !== undefined && port !== undefined) {
      return { value: port, because: `${placeOf(found)} listens on ${port}` }
    }
  }
  return undefined
}

/** The port itself, or the number that a variable of that name is given somewhere. */
function numberOf(files: ProjectFiles, paths: readonly string[], { path, match }: Found): number | undefined {
  const written = match.groups?.['port'] ?? ''
  const assigned = new RegExp(`(?:^|[\\s,{(])${written.replaceAll('$', '\\$')}\\s*(?::\\s*\\w+\\s*)?=\\s*(\\d{2,5})\\b`)
  const text = /^\d+$/.test(written) ? written : findFirst(files, [path, ...paths], assigned)?.match[1]
  const port = Number(text ?? 0)
  return port > 0 && port <= PORT_MAX ? port : undefined
}

/** `serve(app)` of Hono's Node server listens on 3000. */
function honoPort(files: ProjectFiles, paths: readonly string[]): Fact<PortUse> | undefined {
  if (findFirst(files, paths, /['"`]@hono\/node-server['"`]/) === undefined) return undefined
  const found = findFirst(files, paths, /\bserve\(/)
  return found === undefined
    ? undefined
    : { value: 3_000, because: `${placeOf(found)} names no port, and Hono then listens on 3000` }
}
