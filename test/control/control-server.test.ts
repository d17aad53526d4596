import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { connectControl } from '../../src/control/control-client.ts'
import { controlCommand } from '../../src/control/control-command.ts'
import { createControlServer } from '../../src/control/control-server.ts'
import type { FrameStore } from '../../src/control/frame-store.ts'
import { createFrameStore } from '../../src/control/frame-store.ts'
import { jsonSocketRequest } from '../../src/control/json-socket.ts'
import type { MetricFrame } from '../../src/control/metric-frame.ts'
import type { SeriesQuery } from '../../src/control/series-query.ts'
import type { TraceQuery } from '../../src/control/span.ts'
import type { SnapshotStore } from '../../src/control/snapshot-store.ts'
import { createSnapshotStore } from '../../src/control/snapshot-store.ts'
import type { SystemSnapshot } from '../../src/control/snapshot.ts'
import type { Component } from '../../src/core/component.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { silentLogs, snapshotForTests } from './snapshot-for-tests.ts'

let directory: string
let socket: string
let snapshots: SnapshotStore
let frames: FrameStore
let server: Component
const clock = virtualClock()
const asked: SeriesQuery[] = []
const askedTraces: TraceQuery[] = []

function create(initial: Partial<SystemSnapshot> = {}): Component {
  snapshots = createSnapshotStore(snapshotForTests(initial))
  frames = createFrameStore({ clock })
  return createControlServer({
    series: {
      trace: () => Promise.resolve([]),
      traces: (query) => {
        askedTraces.push(query)
        return Promise.resolve([])
      },
      series: (query) => {
        asked.push(query)
        return Promise.resolve([{ labels: { service: 'api' }, points: [{ atEpochMs: 1_000, value: 2 }] }])
      },
    },
    socket,
    auditFile: join(directory, 'audit.log'),
    snapshots,
    logs: silentLogs,
    frames,
    clock,
    commands: {
      add: controlCommand({ input: z.strictObject({ a: z.number(), b: z.number() }), run: ({ a, b }) => a + b }),
    },
  })
}

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tf control-'))
  socket = join(directory, 'control.sock')
  server = create()
  await server.start()
})

afterEach(async () => {
  await server.stop(100)
  await rm(directory, { recursive: true, force: true })
})

const setPid = (pid: number): SystemSnapshot => snapshots.update((snapshot) => ({ ...snapshot, pid }))
const frameAt = (atEpochMs: number): MetricFrame => ({ atEpochMs, source: 'host', samples: [] })

describe('the snapshot', () => {
  test('is given at once', async () => {
    expect(await connectControl(socket).snapshot()).toMatchObject({ version: 1, system: 'shop' })
  })

  test('is waited for while it is not newer than what the client has', async () => {
    const waiting = connectControl(socket, { clock }).snapshot({ after: 1, waitMs: 30_000 })
    await expect.poll(() => clock.pending).toBe(2)
    setPid(5)

    expect(await waiting).toMatchObject({ version: 2, pid: 5 })
  })

  test('is given unchanged when the wait is over', async () => {
    const waiting = connectControl(socket, { clock }).snapshot({ after: 1, waitMs: 30_000 })
    await expect.poll(() => clock.pending).toBe(2)
    await clock.advance('30s')

    expect(await waiting).toMatchObject({ version: 1 })
    expect(clock.pending).toBe(0)
  })

  test.each(['after=-1', 'after=x', 'waitMs=999999', 'aftr=1'])('is refused for %s', async (query) => {
    await expect(jsonSocketRequest(socket, 'GET', `/v1/snapshot?${query}`)).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
    })
  })
})

describe('a watch', () => {
  test('shows the state now, the changes, and the last state before the end', async () => {
    const seen: number[] = []
    for await (const { pid, phase } of connectControl(socket).watch()) {
      seen.push(pid)
      if (pid < 4) setPid(pid + 1)
      else if (phase !== 'stopped') {
        snapshots.update((snapshot) => ({ ...snapshot, phase: 'stopped', pid: 99 }))
        void server.stop()
      }
    }

    expect(seen).toEqual([1, 2, 3, 4, 99])
  })

  test('connects again after a cut, and follows another run of the system from its beginning', async () => {
    setPid(2)
    const seen: string[] = []
    const controller = new AbortController()
    for await (const { run, version } of connectControl(socket).watch(controller.signal)) {
      seen.push(`${run} ${version}`)
      if (run === 'r1') {
        await server.stop()
        server = create({ run: 'r2' })
        await server.start()
      } else controller.abort()
    }

    expect(seen).toEqual(['r1 2', 'r2 1'])
  })

  test('does not show again, after a cut, what it has shown', async () => {
    const watch = connectControl(socket).watch()
    await watch.next()
    await server.stop()
    server = create()
    await server.start()
    const next = watch.next()
    setPid(8)

    expect((await next).value).toMatchObject({ version: 2, pid: 8 })
    await watch.return()
  })
})

describe('commands', () => {
  test('are answered, and their ids make them idempotent', async () => {
    const control = connectControl(socket)

    expect(await control.command('add', { a: 1, b: 2 }, { id: 'one' })).toBe(3)
    expect(await control.command('add', { a: 1, b: 2 }, { id: 'one' })).toBe(3)
    await expect(control.command('ad')).rejects.toMatchObject({ code: 'TF_COMMAND_UNKNOWN', hint: 'did you mean add?' })
    await expect(control.command('add', { a: 'x' })).rejects.toMatchObject({ code: 'TF_INPUT_INVALID' })
    const audit = (await readFile(join(directory, 'audit.log'), 'utf8')).trim().split('\n')
    expect(audit.map((line) => (JSON.parse(line) as { event: string }).event)).toEqual([
      'asked',
      'done',
      'asked',
      'failed',
    ])
    expect(JSON.parse(audit[0]!)).toMatchObject({ id: 'one', client: { pid: process.pid } })
  })

  test.each([
    ['has no id', { name: 'add' }],
    ['has an id that is no word', { id: '../x', name: 'add' }],
    ['has an endless id', { id: 'x'.repeat(101), name: 'add' }],
    ['has more than it may', { id: 'x', name: 'add', sudo: true }],
    ['is a list', []],
    ['is empty', undefined],
  ])('are refused when the request %s', async (_, body) => {
    await expect(jsonSocketRequest(socket, 'POST', '/v1/commands', body)).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
    })
  })
})

describe('frames', () => {
  test('come from now on', async () => {
    frames.append(frameAt(1))
    const stream = connectControl(socket).frames()
    let hasCome = false
    const first = stream.next().finally(() => (hasCome = true))
    await expect
      .poll(() => {
        frames.append(frameAt(2))
        return hasCome
      })
      .toBe(true)

    expect((await first).value).toMatchObject({ atEpochMs: 2 })
    await stream.return()
  })

  test('come from the past when asked, and end there when not followed', async () => {
    for (const at of [1, 2, 3]) frames.append(frameAt(at))
    const times: number[] = []
    for await (const { atEpochMs } of connectControl(socket).frames({ sinceEpochMs: 1, follow: false })) {
      times.push(atEpochMs)
    }

    expect(times).toEqual([2, 3])
  })
})

describe('the socket', () => {
  test('is for the owner alone', async () => {
    expect((await stat(socket)).mode & 0o777).toBe(0o600)
  })

  test('tells that nothing runs, with what to do', async () => {
    await server.stop()
    const notRunning = { code: 'TF_NOT_RUNNING', hint: 'start it with "tenfold up"' }

    await expect(connectControl(socket).snapshot()).rejects.toMatchObject(notRunning)
    await expect(connectControl(socket).watch().next()).rejects.toMatchObject(notRunning)
    await expect(connectControl(socket).frames().next()).rejects.toMatchObject(notRunning)
    await expect(connectControl(directory).command('add')).rejects.toMatchObject(notRunning)
    await expect(connectControl(join(directory, 'missing')).snapshot()).rejects.toMatchObject(notRunning)
  })

  test('tells that nothing runs when a crash has left its file', async () => {
    await server.stop()
    await writeFile(join(directory, 'run.json'), '{')

    await expect(connectControl(directory).snapshot()).rejects.toMatchObject({ code: 'TF_NOT_RUNNING' })
  })
})

describe('a trace', () => {
  test('is asked for by its id, and by nothing else', async () => {
    expect(await connectControl(socket).trace('4bf92f3577b34da6a3ce929d0e0e4736')).toEqual([])
    await expect(connectControl(socket).trace('x')).rejects.toMatchObject({ code: 'TF_INPUT_INVALID' })
  })

  test('is listed as it was asked for', async () => {
    expect(await connectControl(socket).traces({ sinceEpochMs: 5, service: undefined, limit: 7 })).toEqual([])
    expect(askedTraces).toEqual([{ sinceEpochMs: 5, limit: 7 }])
    await expect(connectControl(socket).traces({ sinceEpochMs: 5, limit: 1e6 })).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
    })
  })
})

describe('the history of a metric', () => {
  test('is asked for as it was meant', async () => {
    const query: SeriesQuery = {
      name: 'http.server.request.duration',
      labels: { service: ['api', 'a&b'], status_class: '2xx' },
      fromEpochMs: 1_000,
      toEpochMs: 61_000,
      stepMs: 10_000,
      by: ['service'],
    }
    expect(await connectControl(socket).series(query)).toEqual([
      { labels: { service: 'api' }, points: [{ atEpochMs: 1_000, value: 2 }] },
    ])
    expect(asked.at(-1)).toEqual(query)
  })

  test.each([
    'name=x&fromEpochMs=0&toEpochMs=1',
    'name=process.cpu.time',
    'name=process.cpu.time&fromEpochMs=0&toEpochMs=1&by=x',
  ])('is refused for %s', async (query) => {
    await expect(jsonSocketRequest(socket, 'GET', `/v1/series?${query}`)).rejects.toMatchObject({
      code: 'TF_INPUT_INVALID',
    })
  })
})
