import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { connectControl } from '../../../src/control/control-client.ts'
import { jsonSocketRequest } from '../../../src/control/json-socket.ts'
import { findRunning } from '../../../src/control/running-system.ts'

const program = join(import.meta.dirname, 'open-state.ts')

interface Opener {
  readonly child: ChildProcessWithoutNullStreams
  /** The next thing it says. */
  line(): Promise<{ opened?: string; socket?: string; error?: { code: string; details: { pid?: number } } }>
}

let directory: string
let stateDirectory: string
const openers: Opener[] = []

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tf processes-'))
  stateDirectory = join(directory, '.tenfold/shop')
})

afterEach(async () => {
  for (const { child } of openers.splice(0)) {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }
  const record = await readFile(join(stateDirectory, 'state.json'), 'utf8')
  const { runtimeDirectory } = JSON.parse(record) as { runtimeDirectory: string }
  await rm(runtimeDirectory, { recursive: true, force: true })
  await rm(directory, { recursive: true, force: true })
})

function start(...modes: readonly string[]): Opener {
  const child = spawn(process.execPath, ['--conditions=tenfold-source', program, directory, ...modes])
  child.stderr.pipe(process.stderr)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const line: Opener['line'] = async () => {
    const { value } = (await lines.next()) as { value?: string }
    return JSON.parse(value ?? '{}') as Awaited<ReturnType<Opener['line']>>
  }
  const opener = { child, line }
  openers.push(opener)
  return opener
}

async function kill(opener: Opener): Promise<void> {
  opener.child.kill('SIGKILL')
  await once(opener.child, 'exit')
}

describe('the state of a system between processes', () => {
  test('goes to exactly one of four that open it at the same moment, and the others are told its pid', async () => {
    const racers = Array.from({ length: 4 }, () => start('--race'))
    await Promise.all(racers.map((racer) => racer.line()))
    for (const { child } of racers) child.stdin.write('go\n')
    const outcomes = await Promise.all(racers.map((racer) => racer.line()))

    const winners = racers.filter((_, i) => outcomes[i]?.opened !== undefined)
    expect(winners).toHaveLength(1)
    const refused = outcomes.filter(({ error }) => error !== undefined)
    expect(refused).toHaveLength(3)
    for (const { error } of refused) {
      expect(error?.code).toBe('TF_ALREADY_RUNNING')
      // The winner may not have written its name yet when the others were refused; a wrong one is never told.
      expect([winners[0]?.child.pid, undefined]).toContain(error?.details.pid)
    }
  })

  test('is taken over at once from a holder that was killed, by exactly one', async () => {
    const first = start()
    const before = await first.line()
    expect(before.opened).toContain('.tenfold/shop')
    const racers = Array.from({ length: 4 }, () => start('--race'))
    await Promise.all(racers.map((racer) => racer.line()))
    await kill(first)
    expect(await findRunning(stateDirectory)).toBeUndefined()
    for (const { child } of racers) child.stdin.write('go\n')
    const outcomes = await Promise.all(racers.map((racer) => racer.line()))

    const opened = outcomes.filter((outcome) => outcome.opened !== undefined)
    expect(opened).toHaveLength(1)
    // The sockets of children that outlived the first are still where the second looks for them.
    expect(opened[0]?.socket).toBe(before.socket)
    expect(await connectControl(stateDirectory).snapshot()).toMatchObject({ version: 1 })
  })

  test('is held against a second start while the first one lives, and free after its orderly end', async () => {
    const first = start()
    await first.line()
    const second = start()
    expect((await second.line()).error).toMatchObject({
      code: 'TF_ALREADY_RUNNING',
      details: { pid: first.child.pid },
    })
    first.child.stdin.end()
    await once(first.child, 'exit')

    const third = start()
    expect((await third.line()).opened).toBeDefined()
  })

  test('leads clients to whoever holds it, through kills', async () => {
    const first = start()
    await first.line()
    const runs: string[] = []
    const controller = new AbortController()
    for await (const { run } of connectControl(stateDirectory).watch(controller.signal)) {
      runs.push(run)
      if (runs.length === 2) controller.abort()
      else {
        await kill(first)
        await start().line()
      }
    }

    expect(runs).toEqual([first.child.pid, openers[1]?.child.pid].map(String))
  })
})

describe('the control server of another process', () => {
  test('does a command once, however many ask with one id at once, and again later', async () => {
    await start().line()
    const control = connectControl(stateDirectory)
    const same = await Promise.all(Array.from({ length: 50 }, () => control.command('add', {}, { id: 'same' })))
    const others = await Promise.all(
      Array.from({ length: 10 }, (_, n) => control.command<number>('add', {}, { id: `${n}` })),
    )

    expect(new Set(same)).toEqual(new Set([1]))
    expect(others.toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    expect(await control.command('add', {}, { id: 'same' })).toBe(1)
    const audit = await readFile(join(stateDirectory, 'audit.log'), 'utf8')
    expect(audit.match(/"event":"asked"/g)).toHaveLength(11)
  })

  test('serves others while clients send garbage, too much, or nothing at all', async () => {
    const { socket = '' } = await start().line()
    const silent = Array.from({ length: 20 }, () => connect({ path: socket }))
    const garbage = connect({ path: socket }, () => garbage.write(Buffer.alloc(100_000, 0xff)))
    garbage.on('error', () => undefined)
    for (const client of silent) client.on('error', () => undefined)
    const huge = { id: 'x', name: 'add', arguments: { text: 'x'.repeat(30_000_000) } }

    await expect(jsonSocketRequest(socket, 'POST', '/v1/commands', huge)).rejects.toMatchObject({
      code: 'TF_INPUT_TOO_LARGE',
    })
    expect(await connectControl(socket).snapshot()).toMatchObject({ version: 1 })
    for (const client of [...silent, garbage]) client.destroy()
  })

  test.runIf(process.getuid?.() === 0)('lets no other user in (needs root to become one)', async () => {
    const { socket = '' } = await start().line()
    const attempt = `require('net').connect(${JSON.stringify(socket)}).on('connect', () => console.log('in')).on('error', (e) => console.log(e.code))`
    const child = spawn(process.execPath, ['-e', attempt], { uid: 65_534, gid: 65_534, cwd: '/' })
    const said = once(child.stdout, 'data').then(([data]) => String(data))

    expect((await said).trim()).toBe('EACCES')
    expect(dirname(socket)).toMatch(/tenfold-0-/)
  })
})
