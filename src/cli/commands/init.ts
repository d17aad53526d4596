import { existsSync } from 'node:fs'
import { stat, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { messageOf, TenfoldError } from '../../core/errors.ts'
import { formatTable } from '../../core/table.ts'
import type { Application } from '../../init/application.ts'
import { detectApplication } from '../../init/detect-application.ts'
import type { ProjectFiles } from '../../init/project-files.ts'
import { readProject } from '../../init/project-files.ts'
import { procfileExample } from '../../init/procfile-example.ts'
import { writeBlueprint } from '../../init/write-blueprint.ts'
import type { Command } from '../command.ts'
import { EXIT } from '../command.ts'

/** `tenfold init`: a blueprint for an application that is there already. */
export const init: Command = {
  name: 'init',
  summary: 'write a blueprint for an application that is there already',
  description:
    'Finds out how the application of a directory is started, which port it uses and whether it says that it is well,\n' +
    'and writes a tenfold.config.ts that runs it as it is, with an explanation of every line. Runs nothing, changes\n' +
    'nothing, and never overwrites a blueprint.',
  argument: { name: 'DIRECTORY', description: 'the directory of the application', default: '.' },
  options: { 'dry-run': { type: 'boolean', description: 'print the blueprint and write nothing' } },
  examples: [
    ['npx tenfold init', 'the application in this directory'],
    ['npx tenfold init apps/shop --dry-run', 'what it would write'],
  ],
  async run({ argument, options, terminal }) {
    const directory = resolve(argument)
    const configuration = typeof options['config'] === 'string' ? options['config'] : 'tenfold'
    const isDry = options['dry-run'] === true
    await checkDirectory(directory)
    const files = await readProject(directory)
    if (!isDry) checkThatNoneIsThere(directory, files, configuration)
    const application = detectApplication(files)
    if (application === undefined) throw nothingFound(directory, files)
    const blueprint = writeBlueprint(application)
    const file = join(directory, `${configuration}.config.${application.extension.value}`)
    if (!isDry) await write(file, blueprint)
    const steps = stepsFrom(application, directory, configuration)
    if (options['json'] === true) {
      const { steps: _, ...facts } = application
      terminal.out(JSON.stringify({ file, isWritten: !isDry, facts, blueprint, steps }))
      return EXIT.success
    }
    terminal.out(`${terminal.style('bold', application.name)}, in ${directory}:`)
    terminal.out(factTable(application))
    terminal.out('')
    if (isDry) terminal.out(blueprint)
    else terminal.out(`Wrote ${relative(process.cwd(), file) || file}. Nothing else was changed.`)
    terminal.out(`${terminal.style('bold', 'Next:')}\n${steps.map((step) => `  ${step}`).join('\n')}`)
    return EXIT.success
  },
}

function factTable(application: Application): string {
  const { framework, program, build, port, health, instances, extension } = application
  const { value } = program
  return formatTable(
    [
      ['found', '', 'because'],
      ['made with', framework.value, framework.because],
      ['started by', value.kind === 'entry' ? `node ${value.entry}` : value.command, program.because],
      ...(build === undefined ? [] : [['built by', build.value, build.because]]),
      ['port', typeof port.value === 'number' ? String(port.value) : port.value, port.because],
      ...(health === undefined ? [] : [['health', health.value, health.because]]),
      ['instances', String(instances.value), instances.because],
      ['blueprint', `.${extension.value}`, extension.because],
    ],
    '  ',
  )
}

/** The steps, from where the person is. */
function stepsFrom({ steps }: Application, directory: string, configuration: string): readonly string[] {
  const way = relative(process.cwd(), directory)
  const choice = configuration === 'tenfold' ? '' : ` --config ${configuration}`
  const lines = steps.map((step) =>
    step === 'npx tenfold up'
      ? `${step}${choice}`
      : step.replace(/(?<=--(?:save-)?dev )tenfold$/, quoted(ownPackage())),
  )
  return way === '' ? lines : [`cd ${quoted(way)}`, ...lines]
}

/** What a package manager installs us by: a checkout by its path, since no registry has what is in it. */
function ownPackage(): string {
  const root = fileURLToPath(new URL('../../..', import.meta.url))
  return existsSync(join(root, 'tsconfig.json')) ? root.slice(0, -1) : 'tenfold'
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}

async function checkDirectory(directory: string): Promise<void> {
  const found = await stat(directory).catch(() => undefined)
  if (found?.isDirectory() === true) return
  throw new TenfoldError(
    'TF_USAGE',
    `expected a directory, got ${found === undefined ? 'nothing at' : 'a file,'} ${directory}`,
    { hint: 'name the directory of the application: tenfold init apps/shop' },
  )
}

function checkThatNoneIsThere(directory: string, { paths }: ProjectFiles, configuration: string): void {
  const there = ['ts', 'mts', 'js', 'mjs']
    .map((extension) => `${configuration}.config.${extension}`)
    .find((name) => paths.has(name))
  if (there !== undefined) throw exists(join(directory, there))
}

function exists(file: string): TenfoldError {
  return new TenfoldError('TF_INIT_EXISTS', `expected no blueprint yet, got ${file}`, {
    hint: 'run "npx tenfold up", or see with --dry-run what would be written',
    details: { file },
  })
}

async function write(file: string, text: string): Promise<void> {
  try {
    // Whoever was faster keeps what he wrote.
    await writeFile(file, text, { flag: 'wx' })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw exists(file)
    throw new TenfoldError('TF_DIRECTORY_UNUSABLE', `expected to write ${file}, got: ${messageOf(cause)}`, {
      hint: 'make the directory writable, or take the text from --dry-run',
      details: { file },
      cause,
    })
  }
}

function nothingFound(directory: string, files: ProjectFiles): TenfoldError {
  const below = [...files.paths].filter((path) => path.endsWith('/package.json')).map((path) => path.slice(0, -13))
  const way = files.paths.has('package.json')
    ? 'add a start script to package.json'
    : `add a file named Procfile that says how it starts, such as "${procfileExample(files)}"`
  return new TenfoldError(
    'TF_INIT_NOTHING_FOUND',
    `expected ${directory} to have a start script, a Procfile, or a file that starts a server, got none of them`,
    {
      hint:
        below.length === 0
          ? `${way}, or write the blueprint by hand: docs/concepts/blueprint.md`
          : `name the directory of one application: ${below.slice(0, 8).join(', ')}`,
      details: { directory, packages: below.slice(0, 100) },
    },
  )
}
