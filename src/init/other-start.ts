import type { Fact } from './application.ts'
import { pythonPortUse } from './port-use.ts'
import type { ProjectFiles } from './project-files.ts'
import { findFirst, placeOf } from './source-text.ts'
import type { Start } from './start.ts'

const SERVES_PYTHON = /\b\w*(?:HTTPServer|TCPServer)\(|\bmake_server\(/
/** The number that a script takes as its first argument. */
const ARGUMENT_PYTHON = /int\(\s*(?:sys\.)?argv\[1\]\s*\)/
const PYTHON_FIRST = ['app.py', 'server.py', 'main.py']

/** The `web:` line of a Procfile. By convention it listens on `$PORT`. */
export function findProcfileStart(files: ProjectFiles): Start | undefined {
  const command = /^web:\s*(\S.*)$/m.exec(files.texts.get('Procfile') ?? '')?.[1]?.trim()
  if (command === undefined) return undefined
  return {
    program: { value: { kind: 'command', command }, because: 'the Procfile has it as "web"' },
    source: undefined,
    port: { value: 'environment', because: 'what a Procfile calls "web" listens on $PORT' },
    framework: { value: 'a Procfile', because: 'a Procfile is there' },
    build: undefined,
  }
}

/** A Python file that starts a server of the standard library. */
export function findPythonStart(files: ProjectFiles): Start | undefined {
  const scripts = [...files.texts.keys()].filter((path) => path.endsWith('.py') && !path.includes('/'))
  const ordered = [...PYTHON_FIRST.filter((name) => scripts.includes(name)), ...scripts]
  const found = findFirst(files, ordered, SERVES_PYTHON)
  if (found === undefined) return undefined
  const { path } = found
  const framework: Fact<string> = { value: 'a Python server', because: `${placeOf(found)} starts it` }
  const port = pythonPortUse(files, [path])
  const argument = port.value === 'environment' ? undefined : findFirst(files, [path], ARGUMENT_PYTHON)
  const command = `python3 ${path.includes(' ') ? `'${path}'` : path}`
  return {
    program: {
      value: { kind: 'command', command: argument === undefined ? command : `${command} $PORT` },
      because: `${placeOf(found)} starts a server`,
    },
    source: undefined,
    port:
      argument === undefined
        ? port
        : { value: 'command line', because: `${placeOf(argument)} takes the port as an argument, which was added` },
    framework,
    build: undefined,
  }
}
