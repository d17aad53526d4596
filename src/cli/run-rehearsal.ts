import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { ResolvedBlueprint } from '../blueprint/resolved-blueprint.ts'
import type { ControlClient } from '../control/control-client.ts'
import type { MetricFrame } from '../control/metric-frame.ts'
import type { RehearsalStatus } from '../control/snapshot.ts'
import { stateDirectoryOf } from '../control/state-paths.ts'
import { systemClock } from '../core/clock.ts'
import { writeFileDurably } from '../core/durable-file.ts'
import { formatDuration } from '../core/duration.ts'
import { hasCode, TenfoldError } from '../core/errors.ts'
import { freshSeed, uniqueId } from '../core/random.ts'
import type { LoadSecond } from '../load/load-result.ts'
import type { Drill } from '../drills/drill.ts'
import { drillNamed, DRILLS } from '../drills/drills.ts'
import { readyScene } from '../drills/ready-scene.ts'
import { rehearse, requireLoad, WARMUP_MS } from '../rehearsal/rehearse.ts'
import type { RehearsalReport } from '../rehearsal/rehearsal-report.ts'
import { reportView } from '../rehearsal/report-view.ts'
import type { CommandInput, CommandOption, ExitCode } from './command.ts'
import { EXIT } from './command.ts'
import { atLeastASecond, positive, wholeNumber } from './option-values.ts'
import type { Terminal } from './terminal.ts'

/** Options of a rehearsal, for every command that runs one. */
export const REHEARSAL_OPTIONS: Readonly<Record<string, CommandOption>> = {
  times: { type: 'string', value: 'N', description: "multiple of the blueprint's peak (default: 1)" },
  duration: { type: 'string', value: 'TIME', description: "how long, for example 60s (default: the blueprint's)" },
  seed: { type: 'string', value: 'NUMBER', description: 'repeat the load of an earlier rehearsal exactly' },
  drill: {
    type: 'string',
    value: 'DRILL',
    description: `a disaster amid a peak three times as long: ${DRILLS.map(({ name }) => name).join(', ')}`,
  },
}

/** What the options of a command line ask for. */
export interface RehearsalRequest {
  readonly times: number
  readonly seed: number
  readonly durationMs: number
  readonly drill: Drill | undefined
}

/** The hours of a shape are packed into a minute, a disaster is not: with it, a rehearsal packs them less by default. */
const DRILL_STRETCH = 3

/**
 * Understands `--times`, `--duration`, `--seed` and `--drill`.
 *
 * @throws TF_USAGE, TF_LOAD_MISSING
 */
export function rehearsalRequest(options: CommandInput['options'], blueprint: ResolvedBlueprint): RehearsalRequest {
  const { times, duration, seed, drill } = options
  const ownMs = requireLoad(blueprint).durationMs * (drill === undefined ? 1 : DRILL_STRETCH)
  return {
    times: typeof times === 'string' ? positive('--times', times) : 1,
    seed: typeof seed === 'string' ? wholeNumber('--seed', seed) : freshSeed(),
    durationMs: typeof duration === 'string' ? atLeastASecond('--duration', duration) : ownMs,
    drill: typeof drill === 'string' ? drillNamed(drill, DRILLS) : undefined,
  }
}

/** A measurement that something else on the machine disturbed is discarded, not failed; so often at most. */
const ATTEMPTS_MAX = 3

/**
 * Rehearses the peak of a running system: shows how it goes, keeps the report in the state directory, prints it.
 *
 * @returns success when it passed, failure when it failed or says nothing
 */
export async function runRehearsal(
  input: CommandInput,
  blueprint: ResolvedBlueprint,
  control: ControlClient,
): Promise<ExitCode> {
  const { terminal, options } = input
  const request = rehearsalRequest(options, blueprint)
  for (let attempt = 1; ; attempt++) {
    const report = await rehearseOnce(input, blueprint, control, request)
    const { validity } = report.load
    if (validity.state === 'valid' || attempt === ATTEMPTS_MAX) {
      const columns = Math.min(100, terminal.columns)
      terminal.out(options['json'] === true ? JSON.stringify(report) : reportView(report, terminal.style, columns))
      return report.state === 'passed' ? EXIT.success : EXIT.failure
    }
    terminal.note(
      `the generator was disturbed, so this says nothing (${validity.reasons.join('; ')}); ` +
        `rehearsing again, ${attempt + 1} of ${ATTEMPTS_MAX}`,
    )
  }
}

async function rehearseOnce(
  { terminal, signal }: Pick<CommandInput, 'terminal' | 'signal'>,
  blueprint: ResolvedBlueprint,
  control: ControlClient,
  request: RehearsalRequest,
): Promise<RehearsalReport> {
  const { target, timeScale } = await runningSystem(control)
  const { drill, ...load } = request
  const scene = drill === undefined ? undefined : await readyScene({ control, blueprint, database: undefined }, drill)
  const id = uniqueId()
  const status: RehearsalStatus = {
    id,
    state: 'running',
    startedEpochMs: systemClock.epochMs(),
    durationMs: WARMUP_MS + request.durationMs,
  }
  await control.command('rehearsal', { ...status })
  try {
    const report = await rehearse({
      blueprint,
      target,
      id,
      controlTimeScale: timeScale,
      ...load,
      drill: drill && scene && { name: drill.name, strike: () => drill.strike(scene, control) },
      framesSince: (sinceEpochMs) => collect(control.frames({ sinceEpochMs, follow: false })),
      onSecond: (second) => showSecond(terminal, second, request),
      signal,
    })
    const reportFile = await keepReport(blueprint, report)
    await control.command('rehearsal', { ...status, state: report.state, reportFile })
    return report
  } catch (error) {
    // The system may be gone; what went wrong first is what counts.
    await control.command('rehearsal', { ...status, state: 'aborted' }).catch(() => undefined)
    throw error
  } finally {
    terminal.progress('')
  }
}

function showSecond(terminal: Terminal, second: LoadSecond, { durationMs }: RehearsalRequest): void {
  const total = Math.ceil(durationMs / 1_000)
  const done = second.second + 1
  // After that, only the last answers are awaited.
  if (done > total) return
  const width = 24
  const filled = Math.round((done / total) * width)
  const failed = second.failed === 0 ? '' : terminal.style('red', `  ${second.failed} failed`)
  const text =
    `rehearsing ${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${done}/${total}s  ${second.offered} req/s  ` +
    `p50 ${formatDuration(second.latencyMsP50)}  p95 ${formatDuration(second.latencyMsP95)}${failed}`
  if (terminal.isInteractive) terminal.progress(text)
  else if (done % 5 === 0 || done === total) terminal.note(text)
}

async function runningSystem(control: ControlClient): Promise<{ target: string; timeScale: number }> {
  const { gateway, phase, timeScale = 1 } = await control.snapshot()
  const isRunning = phase === 'running' || phase === 'degraded'
  if (gateway.url !== undefined && isRunning) return { target: gateway.url, timeScale }
  throw new TenfoldError('TF_NOT_RUNNING', `expected the system to be running, but it is ${phase}`, {
    hint: 'wait until "tenfold status" shows it running',
  })
}

async function keepReport(blueprint: ResolvedBlueprint, report: RehearsalReport): Promise<string> {
  const directory = join(stateDirectoryOf(blueprint), 'rehearsals')
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, `${new Date(report.startedEpochMs).toISOString().replaceAll(/[:.]/g, '-')}.json`)
  await writeFileDurably(file, `${JSON.stringify(report)}\n`)
  return file
}

async function collect(frames: AsyncIterable<MetricFrame>): Promise<readonly MetricFrame[]> {
  try {
    return await Array.fromAsync(frames)
  } catch (error) {
    if (hasCode(error, 'TF_NOT_RUNNING')) return []
    throw error
  }
}
