import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { shop } from './shop.ts'
import { ask, CHECKOUT, eventually, snapshotOf, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** A port that somebody else listens on until the test is over. */
async function takenPort(): Promise<number> {
  const server = createServer((socket) => socket.end())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test('a port for the metrics that somebody else listens on is named, and no reason not to serve', async () => {
  const on = stage(shop())
  const port = await takenPort()
  const metrics = await on.end(['up', '--port', '0', '--detach'], { env: { TENFOLD_METRICS_PORT: String(port) } })
  expect(metrics).toMatchObject({ code: 0 })
  expect(metrics.out).toMatch(new RegExp(`port ${port}`))
  expect((await snapshotOf(on))!.telemetry).toBeUndefined()
  expect(await ask(urlIn(metrics.out))).toMatchObject({ instance: expect.stringMatching(/^web-/) })
  expect((await on.end(['down'])).code).toBe(0)
})

test('what lies in the way of the control socket is replaced if it is dead, and never if it is not a socket', async () => {
  const on = stage(shop())
  expect(await on.end(['up', '--port', '0', '--detach'])).toMatchObject({ code: 0 })
  process.kill((await snapshotOf(on))!.pid, 'SIGKILL')
  await eventually('the control plane to be gone', async () => (await snapshotOf(on)) === undefined)
  // Its socket is still there.
  expect(await on.end(['up', '--port', '0', '--detach'])).toMatchObject({ code: 0 })
  expect((await snapshotOf(on))!.phase).toBe('running')
  expect((await on.end(['down'])).code).toBe(0)

  const { runtimeDirectory } = JSON.parse(readFileSync(join(on.state(), 'state.json'), 'utf8')) as {
    runtimeDirectory: string
  }
  mkdirSync(runtimeDirectory, { mode: 0o711, recursive: true })
  chmodSync(runtimeDirectory, 0o711)
  const file = join(runtimeDirectory, 'control.sock')
  writeFileSync(file, 'mine')
  const { code, err } = await on.end(['up', '--port', '0'])
  expect(code).toBe(1)
  expect(err).toMatch(/to be a socket or nothing, got another file.*\[TF_SOCKET_UNUSABLE\]\n {2}Next: move .* away/s)
  expect(readFileSync(file, 'utf8')).toBe('mine')
  rmSync(file)
})

test('a runtime directory that is too long for sockets is passed over, and so is one that others can change', async () => {
  const bases = mkdtempSync(join(tmpdir(), 'tenfold bases '))
  onTestFinished(() => rmSync(bases, { recursive: true, force: true }))
  const [long, open] = [join(bases, 'x'.repeat(90)), join(bases, 'open')]
  for (const directory of [long, open]) mkdirSync(directory, { mode: 0o700 })
  chmodSync(open, 0o777)
  for (const directory of [long, open]) {
    const on = stage(shop())
    expect(await on.end(['up', '--port', '0', '--detach'], { env: { XDG_RUNTIME_DIR: directory } })).toMatchObject({
      code: 0,
    })
    expect((await on.end(['down'])).code).toBe(0)
  }
})

test('too few open files are refused by name before anything starts; few are survived', async () => {
  const limited = (files: number): readonly string[] => [
    '/bin/sh',
    '-c',
    `ulimit -n ${files}; exec "$@"`,
    'sh',
    process.execPath,
    `${CHECKOUT}bin/tenfold.js`,
  ]
  const on = stage(shop())
  const { code, err } = await on.end(['up', '--port', '0'], { program: limited(128) })
  expect(code).toBe(1)
  expect(err).toMatch(/at least 256 open files a process, got 128.*\[TF_OPEN_FILES_TOO_FEW\]\n {2}Next: raise/s)
  expect(on.leftovers()).toEqual([])
  const up = on.tenfold(['up', '--port', '0'], { program: limited(256) })
  await up.says(/Ctrl-C stops everything/)
  const url = urlIn(up.out())
  await Promise.all(Array.from({ length: 60 }, () => ask(url)))
  up.signal('SIGINT')
  expect(await up.ended).toMatchObject({ code: 0 })
  expect(on.leftovers()).toEqual([])
})
