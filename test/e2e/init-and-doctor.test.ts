import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { stage } from './stage.ts'

const SERVER = `require('node:http').createServer((request, response) => response.end('hello')).listen(3000)\n`

describe('tenfold init', () => {
  test('writes a blueprint that is right, and says what comes next', async () => {
    const on = stage({
      'package.json': '{ "name": "shop", "scripts": { "start": "node server.js" } }',
      'server.js': SERVER,
    })
    const ended = await on.end(['init'])
    expect(ended).toMatchObject({ code: 0, err: '' })
    expect(ended.out).toContain('server.js:1 listens on 3000')
    // No registry has a checkout.
    expect(ended.out).toMatch(/npm install --save-dev '?\//)
    expect(ended.out).toMatch(
      /Wrote tenfold\.config\.ts\. Nothing else was changed\.\nNext:\n.*\n {2}npx tenfold up\n/s,
    )
    expect(readFileSync(join(on.directory, 'tenfold.config.ts'), 'utf8')).toContain('port: 3000,')
    expect(await on.end(['check'])).toMatchObject({ code: 0 })
  })

  test('never overwrites a blueprint, whatever it ends in, and writes another beside it', async () => {
    const on = stage({ 'server.js': SERVER, 'tenfold.config.mjs': 'mine' })
    const ended = await on.end(['init', '--json'])
    expect(ended.code).toBe(1)
    expect(JSON.parse(ended.out)).toMatchObject({ error: { code: 'TF_INIT_EXISTS' } })
    expect(readFileSync(join(on.directory, 'tenfold.config.mjs'), 'utf8')).toBe('mine')
    expect(await on.end(['init', '--config', 'other'])).toMatchObject({ code: 0 })
    expect((await on.end(['check', '--config', 'other'])).out).toContain('(other) is right')
  })

  test('prints and writes nothing in a dry run', async () => {
    const on = stage({ 'server.js': SERVER })
    const ended = await on.end(['init', '--dry-run', '--json'])
    const { isWritten, blueprint, file } = JSON.parse(ended.out) as Record<string, unknown>
    expect({ isWritten, file }).toEqual({ isWritten: false, file: join(on.directory, 'tenfold.config.ts') })
    expect((await on.end(['init', '--dry-run'])).out).toContain(blueprint)
    expect(await on.end(['check'])).toMatchObject({ code: 1 })
  })

  test('says where to look when there is nothing, and what is wrong with the name of the directory', async () => {
    const on = stage({ 'apps/web/package.json': '{}', 'file.txt': '' })
    const nothing = await on.end(['init'])
    expect(nothing.code).toBe(1)
    expect(nothing.err).toContain('apps/web')
    expect(await on.end(['init', 'file.txt'])).toMatchObject({ code: 2 })
    expect(await on.end(['init', 'nowhere'])).toMatchObject({ code: 2 })
  })

  test('says how to go on from another directory', async () => {
    const on = stage({})
    mkdirSync(join(on.directory, 'my shop'))
    writeFileSync(join(on.directory, 'my shop/server.js'), SERVER)
    expect((await on.end(['init', 'my shop'])).out).toContain("  cd 'my shop'\n")
  })
})

describe('tenfold doctor', () => {
  test('looks at this machine, on which the tests run', async () => {
    const on = stage({ 'server.js': SERVER })
    const ended = await on.end(['doctor', '--json'])
    const { isWell, checks } = JSON.parse(ended.out) as { isWell: boolean; checks: { name: string; verdict: string }[] }
    expect(checks.filter(({ verdict }) => verdict === 'problem')).toEqual([])
    expect({ isWell, code: ended.code }).toEqual({ isWell: true, code: 0 })
    expect(checks.map(({ name }) => name)).toEqual(expect.arrayContaining(['Node.js', 'PostgreSQL', 'durable writes']))
  })

  test('fails for what a blueprint needs and the machine does not have', async () => {
    const on = stage({
      'tenfold.config.ts': `export default {
        name: 'shop',
        databases: { users: { url: { env: 'NOWHERE_URL' } } },
        services: { web: { command: 'no-such-program serve', env: { KEY: { secret: 'NO_SUCH_SECRET' } } } },
      }`,
    })
    const ended = await on.end(['doctor'], { env: { NOWHERE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' } })
    expect(ended.code).toBe(1)
    expect(ended.out).toMatch(/✗ database users/)
    expect(ended.out).toMatch(/✗ programs +no-such-program/)
    expect(ended.out).toMatch(/✗ secrets +NO_SUCH_SECRET/)
    expect(ended.out).not.toContain('hunter2')
  })

  test('says that the blueprint is wrong, and looks at the rest', async () => {
    const on = stage({ 'tenfold.config.ts': 'export default {' })
    const ended = await on.end(['doctor'])
    expect(ended.code).toBe(1)
    expect(ended.out).toMatch(/✗ blueprint/)
    expect(ended.out).toMatch(/✓ Node\.js/)
  })
})
