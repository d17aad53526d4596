import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import type { CommandRunner, CommandRunnerOptions } from '../../src/control/command-runner.ts'
import { createCommandRunner } from '../../src/control/command-runner.ts'
import type { ControlCommand } from '../../src/control/control-command.ts'
import { controlCommand } from '../../src/control/control-command.ts'
import { TenfoldError } from '../../src/core/errors.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'

function runnerOf(
  commands: Record<string, ControlCommand>,
  options: Partial<CommandRunnerOptions> = {},
): { runner: CommandRunner; log: Record<string, unknown>[] } {
  const log: Record<string, unknown>[] = []
  const audit = { append: (entry: object) => Promise.resolve(void log.push({ ...entry })) }
  return { runner: createCommandRunner({ commands, audit, clock: virtualClock(), ...options }), log }
}

const counting = (): { command: ControlCommand; runs: () => number } => {
  let runs = 0
  const command = controlCommand({ input: z.object({ by: z.number().default(1) }), run: ({ by }) => (runs += by) })
  return { command, runs: () => runs }
}

describe('a command', () => {
  test('is done once for an id, and every repetition has the same outcome', async () => {
    const { command, runs } = counting()
    const { runner } = runnerOf({ count: command })
    const request = { id: 'a', name: 'count', arguments: {} }

    expect(await Promise.all([runner.run(request), runner.run(request)])).toEqual([1, 1])
    expect(await runner.run(request)).toBe(1)
    expect(await runner.run({ ...request, id: 'b' })).toBe(2)
    expect(runs()).toBe(2)
  })

  test('that failed fails again for the same id, and is not tried again', async () => {
    let runs = 0
    const fail = controlCommand({
      input: z.object({}),
      run() {
        runs += 1
        throw new TenfoldError('TF_NOT_IMPLEMENTED', 'expected more')
      },
    })
    const { runner } = runnerOf({ fail })
    const request = { id: 'a', name: 'fail', arguments: {} }

    await expect(runner.run(request)).rejects.toMatchObject({ code: 'TF_NOT_IMPLEMENTED' })
    await expect(runner.run(request)).rejects.toMatchObject({ code: 'TF_NOT_IMPLEMENTED' })
    expect(runs).toBe(1)
  })

  test('is refused when its id belongs to another', async () => {
    const { command, runs } = counting()
    const { runner } = runnerOf({ count: command })
    await runner.run({ id: 'a', name: 'count', arguments: {} })

    await expect(runner.run({ id: 'a', name: 'count', arguments: { by: 2 } })).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
    })
    expect(runs()).toBe(1)
  })

  test('is refused with what was probably meant when there is none of its name', async () => {
    const { runner } = runnerOf({ scale: counting().command })

    await expect(runner.run({ id: 'a', name: 'scal', arguments: {} })).rejects.toMatchObject({
      code: 'TF_COMMAND_UNKNOWN',
      hint: 'did you mean scale?',
    })
    await expect(runner.run({ id: 'a', name: 'toString', arguments: {} })).rejects.toMatchObject({
      code: 'TF_COMMAND_UNKNOWN',
      hint: 'commands are scale',
    })
  })

  test('is refused with what is wrong in its arguments, and does nothing', async () => {
    const { command, runs } = counting()
    const { runner } = runnerOf({ count: command })

    await expect(runner.run({ id: 'a', name: 'count', arguments: { by: 'x' } })).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
      message: expect.stringContaining('the arguments of count'),
    })
    expect(runs()).toBe(0)
  })

  test('waits for nobody: too many at once are refused, and taken again when some have ended', async () => {
    const gate = Promise.withResolvers<string>()
    const wait = controlCommand({ input: z.object({}), run: () => gate.promise })
    const { runner } = runnerOf({ wait }, { runningMax: 2 })
    const running = ['a', 'b'].map((id) => runner.run({ id, name: 'wait', arguments: {} }))

    await expect(runner.run({ id: 'c', name: 'wait', arguments: {} })).rejects.toMatchObject({
      code: 'TF_COMMANDS_TOO_MANY',
    })
    gate.resolve('done')
    expect(await Promise.all(running)).toEqual(['done', 'done'])
    expect(await runner.run({ id: 'c', name: 'wait', arguments: {} })).toBe('done')
  })

  test('keeps a bounded number of outcomes, the newest', async () => {
    const { command, runs } = counting()
    const { runner } = runnerOf({ count: command }, { outcomesMax: 2 })
    for (const id of ['a', 'b', 'c', 'b']) await runner.run({ id, name: 'count', arguments: {} })
    expect(runs()).toBe(3)
    await runner.run({ id: 'a', name: 'count', arguments: {} })

    expect(runs()).toBe(4)
  })

  test('hears when the control plane stops', async () => {
    const started = Promise.withResolvers<void>()
    const wait = controlCommand({
      input: z.object({}),
      run(_, { signal }) {
        started.resolve()
        return new Promise((resolve) => signal.addEventListener('abort', () => resolve('stopped')))
      },
    })
    const { runner } = runnerOf({ wait })
    const running = runner.run({ id: 'a', name: 'wait', arguments: {} })
    await started.promise
    runner.abort()

    expect(await running).toBe('stopped')
  })
})

describe('the audit', () => {
  test('has who asked for what, before, and what came of it, after, without secrets', async () => {
    const set = controlCommand({ input: z.looseObject({}), secrets: ['pin'], run: () => 'result' })
    const { runner, log } = runnerOf({ set })
    const client = { pid: 7, uid: 1000 }
    await runner.run({ id: 'a', name: 'set', arguments: { service: 'api', pin: '1234', token: 't' }, client })

    const common = { at: '2026-01-01T00:00:00.000Z', id: 'a', command: 'set' }
    expect(log).toEqual([
      { ...common, event: 'asked', arguments: { service: 'api', pin: '[redacted]', token: '[redacted]' }, client },
      { ...common, event: 'done', durationMs: 0 },
    ])
  })

  test('has the code of a failure', async () => {
    const { runner, log } = runnerOf({ count: counting().command })
    await runner.run({ id: 'a', name: 'count', arguments: 5 }).catch(() => undefined)

    expect(log.at(-1)).toMatchObject({ event: 'failed', code: 'TF_INPUT_INVALID' })
  })

  test('must be written before a command is done, unless the command may go without', async () => {
    const { command, runs } = counting()
    const down = controlCommand({ input: z.object({}), isAllowedUnaudited: true, run: () => 'down' })
    const full = new TenfoldError('TF_STATE_UNUSABLE', 'expected space')
    const { runner } = runnerOf({ count: command, down }, { audit: { append: () => Promise.reject(full) } })

    await expect(runner.run({ id: 'a', name: 'count', arguments: {} })).rejects.toBe(full)
    expect(runs()).toBe(0)
    expect(await runner.run({ id: 'b', name: 'down', arguments: {} })).toBe('down')
  })
})
