import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blueprint, shop, shopWithDatabase, WEB } from './shop.ts'
import type { Stage } from './stage.ts'
import { eventually, stage } from './stage.ts'

async function running(files: Readonly<Record<string, string>>): Promise<Stage> {
  const on = stage(files)
  expect(await on.end(['up', '--detach', '--port', '0'], { env: { SHOP_KEY: 'hunter2' } })).toMatchObject({ code: 0 })
  return on
}

test('runs a program as a service would be run, and passes its exit status on', async () => {
  const on = await running({
    ...shop(),
    ...blueprint({ services: { web: { ...WEB, env: { TEXT: 'bread', KEY: { secret: 'SHOP_KEY' } } } } }),
    'job.js': `console.log([process.env.TEXT, process.env.KEY, process.env.TENFOLD_SERVICE, process.env.PORT].join(' '))
console.error('a note')
process.exit(7)`,
  })
  expect(await on.end(['run', 'web', '--', 'node', 'job.js'])).toMatchObject({
    code: 7,
    out: 'bread hunter2 web \n',
    err: 'a note\n',
  })
  expect(await on.end(['run', 'web', '--', 'sh', '-c', 'kill -9 $$'])).toMatchObject({ code: 137 })
  expect(await on.end(['run', 'web', '--', 'nothing-like-it'])).toMatchObject({
    code: 1,
    err: expect.stringContaining('TF_SPAWN_FAILED'),
  })
  expect(await on.end(['run', 'wob', '--', 'true'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean web?'),
  })
  for (const args of [['run'], ['run', 'web'], ['run', 'web', '--']]) {
    expect(await on.end(args)).toMatchObject({ code: 2, err: expect.stringContaining('[TF_USAGE]') })
  }
  expect(readFileSync(join(on.state(), 'audit.log'), 'utf8')).not.toContain('hunter2')
})

test('passes Ctrl-C on, and leaves nothing of the program behind, however it ends', async () => {
  const on = await running(shop())
  const left = (): readonly string[] => on.leftovers().filter((line) => line.includes('sleep 4711'))

  const polite = on.tenfold(['run', 'web', '--', 'node', '-e', POLITE])
  await polite.says(/working/)
  polite.signal('SIGINT')
  expect(await polite.ended).toMatchObject({ code: 5, out: 'working\ntidied up\n' })

  const killed = on.tenfold(['run', 'web', '--', 'sh', '-c', 'echo begun; sleep 4711 & sleep 4711'])
  await killed.says(/begun/)
  killed.signal('SIGKILL')
  await killed.ended
  await eventually('the program to be gone', () => left().length === 0)

  const last = on.tenfold(['run', 'web', '--', 'sh', '-c', 'echo begun; sleep 4711'])
  await last.says(/begun/)
  expect(await on.end(['down'])).toMatchObject({ code: 0 })
  expect(await last.ended).toMatchObject({ code: 143, err: expect.stringContaining('the system stops') })
  expect(on.leftovers()).toEqual([])
})

const POLITE = `process.on('SIGINT', () => { console.log('tidied up'); process.exit(5) })
console.log('working')
setTimeout(() => {}, 60_000)`

test('runs SQL from the command line, a file and its input', async () => {
  const on = await running(shopWithDatabase())
  expect(await on.end(['sql', 'orders', '-c', 'select id, name from orders order by id'])).toMatchObject({
    code: 0,
    out: 'id  name\n 1  bread\n 2  milk\n(2 rows)\n',
  })
  on.write({ 'more.sql': "insert into orders values (3, 'salt');\nupdate orders set name = name;" })
  expect(await on.end(['sql', 'orders', '--file', 'more.sql'])).toMatchObject({ code: 0, out: 'INSERT 1\nUPDATE 3\n' })
  const piped = on.tenfold(['sql', 'orders', '--json'])
  piped.process.stdin!.end('select count(*)::int as n from orders')
  expect(await piped.ended).toMatchObject({ code: 0, out: '{"command":"SELECT","rowCount":1,"rows":[{"n":3}]}\n' })

  const wrong = await on.end(['sql', 'orders', '-c', 'select 1;\nselect bad\nfrom orders; select 2'])
  expect(wrong).toMatchObject({ code: 1, out: expect.not.stringContaining('2\n(1') })
  expect(wrong.err).toBe('ERROR:  column "bad" does not exist [42703]\nLINE 1: select bad\n               ^\n')
  expect(await on.end(['sql', 'order', '-c', 'select 1'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('did you mean orders?'),
  })
  expect(await on.end(['sql', 'orders', '--shard', '1'])).toMatchObject({ code: 2 })

  const long = on.tenfold(['sql', 'orders', '-c', "do $$ begin raise notice 'begun'; perform pg_sleep(60); end $$"])
  await long.says(/NOTICE: {2}begun/)
  long.signal('SIGINT')
  expect(await long.ended).toMatchObject({ code: 130, err: expect.stringContaining('57014') })
})
