import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { loadBlueprint } from '../../src/blueprint/load.ts'
import { virtualClock } from '../../src/testing/virtual-clock.ts'
import { loadAll } from './load-all.ts'

let directory: string
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tenfold load '))
  const system = (name: string): string =>
    `export default { name: '${name}' satisfies string, services: { web: { command: 'true' } } }\n`
  await writeFile(join(directory, 'tenfold.config.ts'), system('after'))
  await writeFile(join(directory, 'before.config.ts'), system('before'))
  await writeFile(join(directory, 'plain.mjs'), system('plain').replace(' satisfies string', ''))
  await mkdir(join(directory, 'javascript'))
  await writeFile(join(directory, 'javascript/tenfold.config.mjs'), system('script').replace(' satisfies string', ''))
})
afterAll(() => rm(directory, { recursive: true }))

describe('loadBlueprint', () => {
  test('takes tenfold.config.* of a directory, a named configuration, or a file', async () => {
    const results = await loadAll([
      [directory],
      [directory, { configuration: 'before' }],
      [join(directory, 'before.config.ts')],
      [join(directory, 'before.config.ts'), { configuration: 'tenfold' }],
      [join(directory, 'javascript')],
      [join(directory, 'plain.mjs')],
    ])
    expect(results.map(({ blueprint }) => [blueprint?.name, blueprint?.configuration])).toEqual([
      ['after', 'tenfold'],
      ['before', 'before'],
      ['before', 'before'],
      ['after', 'tenfold'],
      ['script', 'tenfold'],
      ['plain', 'plain'],
    ])
    expect(results[1]?.blueprint).toMatchObject({ directory, file: join(directory, 'before.config.ts') })
  })

  test('lists what is there when a configuration is missing', async () => {
    const [result] = await loadAll([[directory, { configuration: 'befor' }]])
    expect(result?.error).toMatchObject({
      code: 'TF_BLUEPRINT_MISSING',
      message: expect.stringContaining('there are: before.config.ts, tenfold.config.ts'),
      hint: 'did you mean before.config.ts? choose it with --config before',
    })
  })

  test('never leaves the directory by the name of a configuration', async () => {
    const [result] = await loadAll([[join(directory, 'javascript'), { configuration: '../before' }]])
    expect(result?.error?.code).toBe('TF_BLUEPRINT_MISSING')
  })

  test('gives up on a file that waits for ever', async () => {
    await writeFile(join(directory, 'waits.config.js'), 'await new Promise(() => {})')
    const clock = virtualClock()
    const loading = loadBlueprint(join(directory, 'waits.config.js'), { clock })
    const failure = expect(loading).rejects.toMatchObject({ code: 'TF_BLUEPRINT_UNLOADABLE' })
    await clock.advance(10_000)
    await failure
  })
})
