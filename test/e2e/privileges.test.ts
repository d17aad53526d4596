import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { findRunning } from '../../src/control/running-system.ts'
import { findChildUser } from '../../src/core/child-user.ts'
import type { BindingsDocument } from '../../src/service/bindings-document.ts'
import { connectDatabase } from '../../src/sql/database.ts'
import { blueprint, shopWithDatabase, WEB } from './shop.ts'
import { ask, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

test(
  'what runs has no more rights than it needs, and passwords are in two files that only their owners can read',
  async () => {
    const on = stage(shopWithDatabase())
    const { code, out, err } = await on.end(['up', '--detach', '--port', '0'])
    expect({ code, err }).toMatchObject({ code: 0 })
    const user = findChildUser()

    const { controlSocket } = (await findRunning(on.state()))!
    const socket = statSync(controlSocket)
    expect([socket.mode & 0o777, socket.uid]).toEqual([0o600, process.getuid!()])
    const bindings = statSync(join(dirname(controlSocket), 'web.json'))
    expect([bindings.mode & 0o777, bindings.uid]).toEqual([0o600, user?.uid ?? process.getuid!()])
    if (user !== undefined) {
      const { status } = spawnSync(process.execPath, ['-e', CONNECT, controlSocket], { uid: user.uid, gid: user.gid })
      expect(status).toBe(13)
    }

    const url = urlIn(out)
    expect(await ask(url)).toMatchObject({ uid: user?.uid ?? process.getuid!() })
    const [shard] = (await ask<BindingsDocument>(url, '/bindings')).databases['orders']!.shards
    const { username, password } = new URL(shard!.url)
    expect(username).toBe('service.web')
    const service = connectDatabase({ url: shard!.url, connectionsMax: 1 }, { acquireTimeout: '2s' })
    expect((await service.query('select name from orders order by id')).rows).toEqual([
      { name: 'bread' },
      { name: 'milk' },
    ])
    await expect(service.query('drop table orders')).rejects.toMatchObject({ code: '42501' })

    const told = [await on.end(['status', '--json']), await on.end(['logs'])].map((ended) => ended.out + ended.err)
    const files = readdirSync(on.state(), { recursive: true, withFileTypes: true }).filter(
      (entry) => entry.isFile() && entry.name !== 'cluster.json' && !entry.parentPath.includes('/data/orders/data'),
    )
    const written = files.map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    expect([...told, ...written].filter((text) => text.includes(password))).toEqual([])

    on.write(
      blueprint({ databases: { orders: { migrations: './migrations', seed: './seed.js' } }, services: { web: WEB } }),
    )
    expect(await on.end(['apply'])).toMatchObject({ code: 0, err: '' })
    await expect(service.query('select 1')).rejects.toMatchObject({ code: expect.stringMatching(/^TF_/) })
    await service.end()
    expect(await on.end(['down'])).toMatchObject({ code: 0 })
  },
  TEST_TIMEOUT_MS,
)

/** Ends with the number of what kept it from connecting: 13 is EACCES. */
const CONNECT = `require('node:net').connect(process.argv[1]).on('error', (error) => process.exit(-error.errno)).on('connect', () => process.exit(0))`
