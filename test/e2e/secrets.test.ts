import { chmodSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { connectControl } from '../../src/control/control-client.ts'
import { blueprint, shop, WEB } from './shop.ts'
import { eventually, stage, TEST_TIMEOUT_MS } from './stage.ts'

vi.setConfig({ testTimeout: TEST_TIMEOUT_MS })

const VALUE = 'hunter2-sk-live-51H8'

/** Says its secret aloud, as programs do in their errors. */
const JOB = `console.error('Error: refused key', process.env.KEY)\nprocess.exit(4)`

function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
}

test('a secret of a file reaches its service, and nobody else', async () => {
  const web = { ...WEB, env: { TEXT: { secret: 'stripe' } } }
  const job = { command: 'node job.js', schedule: '* * * * *', env: { KEY: { secret: 'stripe' } } }
  const files = (services: object): Record<string, string> => blueprint({ secrets: './secrets.env', services })
  const on = stage({ ...shop(), ...files({ web }), 'job.js': JOB, 'secrets.env': `stripe=${VALUE}\n` })
  const said: string[] = []
  const run = async (...args: string[]): Promise<{ code: number | null; err: string; out: string }> => {
    const ended = await on.end(args, { env: { stripe: undefined } })
    said.push(ended.out, ended.err)
    return ended
  }
  chmodSync(join(on.directory, 'secrets.env'), 0o644)
  expect(await run('up', '--detach', '--port', '0')).toMatchObject({
    code: 1,
    err: expect.stringContaining('chmod 600'),
  })
  chmodSync(join(on.directory, 'secrets.env'), 0o600)
  expect(await run('up', '--detach', '--port', '0')).toMatchObject({ code: 0 })
  const control = connectControl(on.state())
  const { url } = (await control.snapshot()).gateway
  expect(await (await fetch(url!)).json()).toMatchObject({ text: VALUE })

  on.write(files({ web: { ...web, env: { ...web.env, MORE: { secret: 'missing' } } } }))
  expect(await run('apply')).toMatchObject({
    code: 1,
    err: expect.stringMatching(/missing, which web gets as MORE[^]*secrets\.env/),
  })
  on.write(files({ web, job }))
  expect(await run('apply', '--json')).toMatchObject({ code: 0 })
  await eventually(
    'the job',
    async () => (await control.snapshot()).services['job']?.job?.last?.outcome === 'failed',
    90_000,
  )
  for (const args of [['status'], ['status', '--json'], ['check', '--json'], ['logs', '--service', 'job'], ['apply']])
    await run(...args)
  expect(said.join('\n')).toContain('refused key [redacted]')
  expect(await run('down')).toMatchObject({ code: 0 })

  expect(said.join('\n')).not.toContain(VALUE)
  // What a program prints is its own: it is in its log as it was printed.
  const logs = join(on.state(), 'logs', 'job')
  const holders = filesBelow(join(on.directory, '.tenfold')).filter((path) => readFileSync(path).includes(VALUE))
  expect(holders.filter((path) => !path.startsWith(logs))).toEqual([])
})
