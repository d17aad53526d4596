import { mkdtemp, rm } from 'node:fs/promises'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ControlClient } from '../../control/control-client.ts'
import { TenfoldError } from '../../core/errors.ts'
import { uniqueId } from '../../core/random.ts'
import type { ExitStatus, Subprocess } from '../../core/subprocess.ts'
import { createSubprocesses } from '../../core/subprocesses.ts'
import type { JobPlace } from '../../runtime/jobs.ts'
import { namedSystem } from '../blueprint-argument.ts'
import type { Command, CommandInput, ExitCode } from '../command.ts'
import { SYSTEM_OPTION } from '../command.ts'

/** `tenfold run`: one program, once, as a service would run it. */
export const run: Command = {
  name: 'run',
  summary: 'run a program once, with the sources, environment and databases of a service',
  description:
    'Runs COMMAND in the release that the service runs, with its variables, secrets and bindings, as the account of its\n' +
    'instances. Input and output are those of the terminal, the exit status is that of the program. Ctrl-C is passed\n' +
    'on; a second one kills. It ends with this command, whatever happens, and when the system stops.',
  argument: { name: 'SERVICE', description: 'the service whose place it takes' },
  rest: { name: 'COMMAND…', description: 'the program and its arguments, not interpreted by a shell' },
  options: SYSTEM_OPTION,
  examples: [
    ['npx tenfold run api -- node scripts/backfill.ts', 'a script of the sources'],
    ["npx tenfold run api -- sh -c 'echo $TENFOLD_BINDINGS'", 'a line of shell'],
  ],
  async run(input) {
    const { argument: service, rest } = input
    if (rest.length === 0) {
      throw new TenfoldError('TF_USAGE', 'expected a command after --, got nothing', {
        hint: `write for example: tenfold run ${service} -- node script.ts`,
      })
    }
    const { system } = input.options
    const { control } = await namedSystem({ ...input, argument: typeof system === 'string' ? system : '.' })
    const id = `${service}-run-${uniqueId().slice(-6)}`
    const place = await control.command<JobPlace>('job', { service, id, program: rest[0] }, { signal: input.signal })
    return runJob(id, place, control, input)
  },
}

/** How long a program may take to end when the system stops. */
const LEAVE_MS = 5_000

async function runJob(id: string, place: JobPlace, control: ControlClient, input: CommandInput): Promise<ExitCode> {
  const { rest, signal, hurry, terminal } = input
  const directory = await mkdtemp(join(tmpdir(), 'tenfold-run-'))
  // With a guardian: it ends the program also when we are killed.
  const subprocesses = await createSubprocesses({
    recordFile: join(directory, 'processes.json'),
    runToken: `tenfold-run-${uniqueId()}`,
    isEphemeral: true,
  })
  const over = new AbortController()
  try {
    const child = await subprocesses.spawn({
      name: id,
      command: rest[0]!,
      args: rest.slice(1),
      env: place.env,
      cwd: place.cwd,
      user: place.account.uid === process.geteuid?.() ? undefined : place.account,
      outputFile: 'the terminal',
      isAttached: true,
    })
    whenAborted(signal, () => interrupt(child))
    whenAborted(hurry, () => void child.stop(0))
    void endWithSystem(control, over.signal, () => {
      terminal.note('tenfold: the system stops, so does the program')
      void child.stop(LEAVE_MS)
    })
    return exitCode(await child.exited)
  } finally {
    over.abort()
    await subprocesses.stopAll(LEAVE_MS)
    await rm(directory, { recursive: true, force: true })
  }
}

/** As the terminal does: to the whole group, which has it for itself. */
function interrupt({ identity }: Subprocess): void {
  try {
    process.kill(-identity.pid, 'SIGINT')
  } catch {
    // It has just ended.
  }
}

async function endWithSystem(control: ControlClient, signal: AbortSignal, end: () => void): Promise<void> {
  try {
    for await (const { phase } of control.watch(signal)) if (phase === 'stopping' || phase === 'stopped') return end()
  } catch {
    // A control plane that died leaves the databases running, and the program.
  }
}

/** As a shell tells it. */
function exitCode({ code, signal }: ExitStatus): ExitCode {
  return signal === undefined ? (code ?? 1) : 128 + constants.signals[signal]
}

function whenAborted(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
}
