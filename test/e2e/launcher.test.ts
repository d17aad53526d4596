import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { shop } from './shop.ts'
import { ask, CHECKOUT, eventually, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

/** A Node that is too old to run Tenfold itself and young enough to start it; undefined where none is installed. */
const oldNode = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((directory) => join(directory, 'node'))
  .find((file) => existsSync(file) && /^v(18|20|21)\./.test(execFileSync(file, ['--version'], { encoding: 'utf8' })))

describe.skipIf(oldNode === undefined)('under a Node that is too old', () => {
  const options = { program: [oldNode ?? '', join(CHECKOUT, 'bin/tenfold.js')] }

  test('becomes the Node of the checkout, and passes on the exit code', async () => {
    const on = stage(shop())
    expect(await on.end(['check'], options)).toMatchObject({ code: 0, err: '' })
    expect(await on.end(['chekc'], options)).toMatchObject({ code: 2, out: '' })
  })

  test('a Ctrl-C that reaches both the launcher and its child ends everything in order', async () => {
    const on = stage(shop())
    const up = on.tenfold(['up', '--port', '0'], options)
    await up.says(/Ctrl-C stops everything/)
    // As a terminal does: to every process of the group.
    process.kill(-up.process.pid!, 'SIGINT')
    expect(await up.ended).toMatchObject({ code: 0, signal: null })
    expect(on.leftovers()).toEqual([])
  })

  test('a launcher that is killed takes the system with it', async () => {
    const on = stage(shop())
    const up = on.tenfold(['up', '--port', '0'], options)
    await up.says(/Ctrl-C stops everything/)
    expect(await ask(urlIn(up.out()))).toMatchObject({ pid: expect.any(Number) })
    up.signal('SIGKILL')
    await up.ended
    await eventually('nothing to run', () => on.leftovers().length === 0 && !existsSync(join(on.state(), 'run.json')))
  })
})
