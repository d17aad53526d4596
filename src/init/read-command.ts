import { posix } from 'node:path'
import type { Fact, PortUse, Program } from './application.ts'
import { knownServer, PORT_OPTION } from './known-servers.ts'
import type { ProjectFiles } from './project-files.ts'
import { resolveModule } from './source-text.ts'
import type { Start } from './start.ts'

const ASSIGNMENT = /^[A-Za-z_]\w*=/
const MODULE = /\.[cm]?[jt]s$/
/** Directories that compilers write to, for sources in `src`. */
const COMPILED = /^(?:dist|build|out|lib)\//
/** `.env` is in no release; what is in it comes from the environment instead. */
const ENV_FILE = / --env-file(?:-if-exists)?[= ]\S+/g

/** What a command line tells. */
export interface ReadCommand extends Omit<Start, 'program' | 'build'> {
  readonly program: Program
  /** A file or directory that has to be there before it starts. */
  readonly needs: string | undefined
}

/**
 * Reads one command of a script: which program it is, without the package manager in between (that would take memory in
 * every instance, and time for every start), and with the port it is told, where it has to be told.
 *
 * @param runs how the package manager runs it, for what can't be found
 */
export function readCommand(files: ProjectFiles, text: string, runs: string): ReadCommand {
  const words = text.replaceAll(ENV_FILE, '').trim().split(/\s+/)
  const at = words.findIndex((word) => !ASSIGNMENT.test(word) && word !== 'cross-env')
  const plain = words.slice(at).join(' ')
  const server = knownServer(plain)
  const port = portTold(plain, server?.port)
  const framework: Fact<string> | undefined =
    server === undefined ? undefined : { value: server.framework, because: `"${words[at]}" is started` }

  if (words[at] === 'node' && words.length === 2 && at === 0) {
    return { ...readEntry(files, words[1] as string), port: port.use, framework }
  }
  const file = words.slice(at + 1).find((word) => !word.startsWith('-') && sourceOf(files, word) !== undefined)
  const source = words[at] === 'nest' ? 'src/main.ts' : file === undefined ? undefined : sourceOf(files, file)
  const command = withPrograms(files, [...words.slice(0, at), port.command].join(' '), server !== undefined)
  const program: Program = { kind: 'command', command: command ?? runs }
  // Run as a whole, nothing can be added to it.
  const use = command === undefined && port.use?.value === 'command line' ? undefined : port.use
  return { program, source, needs: server?.needs, port: use, framework }
}

/** `node FILE`: a file that our Node can run itself, or a command where its name does not say what it is. */
function readEntry(files: ProjectFiles, file: string): Pick<ReadCommand, 'program' | 'source' | 'needs'> {
  const path = posix.normalize(file)
  const source = sourceOf(files, path)
  const there = resolveModule(files, path)
  if (there !== undefined && MODULE.test(there)) {
    return { program: { kind: 'entry', entry: `./${there}` }, source: source ?? there, needs: undefined }
  }
  if (COMPILED.test(path)) {
    const compiled = MODULE.test(path) ? path : `${path}.js`
    return { program: { kind: 'entry', entry: `./${compiled}` }, source, needs: compiled }
  }
  return { program: { kind: 'command', command: `node ${file}` }, source, needs: undefined }
}

/** The file that was written by hand, for one that a compiler has made or will make. */
function sourceOf(files: ProjectFiles, file: string): string | undefined {
  const path = posix.normalize(file)
  if (!COMPILED.test(path)) return resolveModule(files, path)
  const rest = path.replace(COMPILED, '')
  return resolveModule(files, `src/${rest}`) ?? resolveModule(files, rest) ?? resolveModule(files, path)
}

/** The command with its port as `$PORT`, where it is, or has to be, on the command line. */
function portTold(command: string, known: string | undefined): { command: string; use: Fact<PortUse> | undefined } {
  const written = PORT_OPTION.exec(command)
  if (written !== null) {
    const because = `its port is an option of the command: ${written[2]} became $PORT`
    return { command: command.replace(PORT_OPTION, '$1$$PORT'), use: { value: 'command line', because } }
  }
  if (/\$\{?PORT\b/.test(command)) {
    return { command, use: { value: 'command line', because: 'its command names $PORT' } }
  }
  if (known === undefined) return { command, use: undefined }
  const name = command.split(' ', 1)[0] as string
  if (known === 'environment') return { command, use: { value: 'environment', because: `"${name}" reads PORT` } }
  const missing = known
    .split(/ (?=-)/)
    .filter((option) => !command.split(/[ =]/).includes(option.split(' ', 1)[0] as string))
  const because = `"${name}" is told its port by an option, which was added`
  return { command: [command, ...missing].join(' '), use: { value: 'command line', because } }
}

/** The command with its programs by path, as the package manager finds them; undefined when one is not there. */
function withPrograms(files: ProjectFiles, command: string, isKnown: boolean): string | undefined {
  const words = command.split(' ')
  const isWrapped = words.includes('cross-env')
  let isProgram = true
  const found = words.map((word) => {
    if (!isProgram || ASSIGNMENT.test(word)) return word
    isProgram = isWrapped && word === 'cross-env'
    // Of what is not installed yet only the well-known is sure to be a program of that name.
    const isInstalled = files.programs.has(word) || (isKnown && files.programs.size === 0)
    if (isInstalled && word !== 'node') return `node_modules/.bin/${word}`
    return /^(?:node|python3?)$/.test(word) || word.includes('/') ? word : undefined
  })
  return found.includes(undefined) ? undefined : found.join(' ')
}
