import { spawnSync } from 'node:child_process'
import { expect, test, vi } from 'vitest'
import { LOAD, shop } from './shop.ts'
import { CHECKOUT, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** Gives a program a terminal: what is written to its input is typed, and what it shows comes out. */
const TERMINAL = [
  'python3',
  '-c',
  'import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))',
] as const
const hasPython = spawnSync('python3', ['-c', 'import pty']).status === 0

const ESCAPE = '\x1b'
const TENFOLD = `${CHECKOUT}bin/tenfold.js`
const shell = (script: string): readonly string[] => ['/bin/sh', '-c', script, process.execPath, TENFOLD]

test('a reader that has seen enough ends status quietly', async () => {
  const on = stage(shop())
  const { code, out, err } = await on.end([], { program: shell('"$0" "$1" check | head -n 1') })
  expect({ code, out, err }).toEqual({ code: 0, out: 'shop (tenfold) is right.\n', err: '' })
})

test('a system whose reader is gone stops in order', async () => {
  const on = stage(shop(LOAD))
  const up = on.tenfold(['up', '--rehearse', '--port', '0', '--duration', '60s'])
  await up.says(/gateway: running/)
  up.process.stdout!.destroy()
  expect(await up.ended).toMatchObject({ signal: null })
  expect(up.err()).not.toMatch(/EPIPE|\n\s+at /)
  expect(on.leftovers()).toEqual([])
})

test('standard error may be closed', async () => {
  const on = stage(shop())
  const up = on.tenfold(['up', '--port', '0'])
  up.process.stderr!.destroy()
  await up.says(/2 of 2 instances ready/)
  up.signal('SIGINT')
  expect(await up.ended).toMatchObject({ code: 0, signal: null })
  expect(on.leftovers()).toEqual([])
})

test('without a terminal there is no colour and no line that is rewritten', async () => {
  const on = stage(shop())
  const up = on.tenfold(['up', '--port', '0'])
  await up.says(/Ctrl-C stops everything/)
  up.signal('SIGINT')
  const { out, err } = await up.ended
  for (const control of [ESCAPE, '\r']) expect(out + err).not.toContain(control)
})

test.skipIf(!hasPython)('in a terminal one line shows what is missing, and Ctrl-C ends everything', async () => {
  const on = stage(shop())
  const up = on.tenfold(['up', '--port', '0'], { program: [...TERMINAL, process.execPath, TENFOLD] })
  await up.says(/Ctrl-C stops everything/)
  up.process.stdin!.write('\x03')
  const { code, out } = await up.ended
  expect(code).toBe(0)
  expect(out).toContain(`\r${ESCAPE}[2Kstarting  gateway starting`)
  expect(out).toContain(`${ESCAPE}[32mrunning`)
  expect(on.leftovers()).toEqual([])
})

test.skipIf(!hasPython)('NO_COLOR is obeyed in a terminal', async () => {
  const on = stage(shop())
  const { out } = await on.end(['check'], {
    program: [...TERMINAL, process.execPath, TENFOLD],
    env: { NO_COLOR: '1' },
  })
  expect(out).toContain('shop (tenfold) is right.')
  expect(out).not.toContain(ESCAPE)
})

test('--json of every command is JSON, and alone on standard output', async () => {
  const on = stage(shop(LOAD))
  const outs: [string, string][] = []
  for (const args of [['check'], ['up', '--detach', '--port', '0'], ['status'], ['logs', '--tail', '1'], ['down']]) {
    const { out, code } = await on.end([...args, '--json'])
    expect(code, args.join(' ')).toBe(0)
    outs.push([args[0]!, out])
  }
  for (const [command, out] of outs) {
    const lines = out.trimEnd().split('\n')
    if (command !== 'logs') expect(lines, command).toHaveLength(1)
    for (const line of lines) expect(() => void JSON.parse(line), `${command}: ${line}`).not.toThrow()
  }
  const failed = await on.end(['status', '--json'])
  expect(failed.code).toBe(1)
  expect(JSON.parse(failed.out)).toMatchObject({ error: { code: 'TF_NOT_RUNNING', hint: expect.any(String) } })
})
