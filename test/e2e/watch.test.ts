import { expect, test } from 'vitest'
import { shop } from './shop.ts'
import type { Run } from './stage.ts'
import { eventually, stage, urlIn } from './stage.ts'

const PROJECT = {
  'package.json': '{ "name": "shop", "type": "module" }',
  'tenfold.config.ts': `export default { name: 'shop', services: {
  api: { entry: './api.ts', routes: ['/'], instances: { min: 2 } },
  other: { entry: './other.ts', routes: ['/other'] },
} }`,
  'api.ts': server(`word`, `import { word } from './word.ts'`),
  'other.ts': server('String(process.pid)'),
  'word.ts': `export const word: string = 'one'`,
}

function server(answer: string, first = ''): string {
  return `${first}
import { createServer } from 'node:http'
const server = createServer((request, response) => response.end(${answer}))
server.listen(Number(process.env['PORT']), process.env['HOST'])`
}

async function get(url: string): Promise<string> {
  return (await fetch(url, { signal: AbortSignal.timeout(10_000) })).text()
}

async function watching(args: readonly string[] = []): Promise<{ on: ReturnType<typeof stage>; up: Run; url: string }> {
  const on = stage(PROJECT)
  const up = on.tenfold(['up', '--watch', '--port', '0', ...args], { timeoutMs: 55_000 })
  await up.says(/Watching the sources/)
  return { on, up, url: urlIn(up.out()) }
}

test('restarts on save what has changed, and nothing else, without a failed request', async () => {
  const { on, up, url } = await watching()
  const other = await get(`${url}/other`)
  for (const [before, word] of ['two', 'three'].entries()) {
    on.write({ 'word.ts': `export const word: string = '${word}'` })
    await eventually(`the answer ${word}`, async () => (await get(url)) === word)
    // The first instance answers before the second is replaced: what ran before is `word` only when both are.
    await eventually(`${word} on every instance`, () => (up.err().match(/↻ api in \d+ ms/g)?.length ?? 0) > before)
  }
  expect(await get(`${url}/other`)).toBe(other)

  on.write({ 'word.ts': `export const word: string = 'thr` })
  await up.says(/✗ [^]*word\.ts[^]*what ran before goes on/)
  expect(await get(url)).toBe('three')
  on.write({ 'word.ts': `export const word: string = 'four'` })
  await eventually('the corrected answer', async () => (await get(url)) === 'four')

  on.write({ 'tenfold.config.ts': PROJECT['tenfold.config.ts'].replace("'/other'", "'/another'") })
  await eventually('the new route', async () => (await get(`${url}/another`)) === other)
  up.signal('SIGINT')
  expect(await up.ended).toMatchObject({ code: 0 })
  expect(on.leftovers()).toEqual([])
})

test('lets one instance listen for a debugger, and says where', async () => {
  const { on, up } = await watching(['--inspect', 'api'])
  const port = /api-\d listens for a debugger on 127\.0\.0\.1:(\d+)/.exec(up.out())?.[1]
  expect(await (await fetch(`http://127.0.0.1:${port}/json/list`)).text()).toContain('api.ts')
  expect(up.out().match(/listens for a debugger/g)).toHaveLength(1)
  up.signal('SIGINT')
  expect(await up.ended).toMatchObject({ code: 0 })
  expect(await on.end(['up', '--inspect', 'apii'])).toMatchObject({ code: 2, err: expect.stringContaining('api?') })
  expect(await on.end(['up', '--watch', '--detach'])).toMatchObject({ code: 2 })
  expect(await stage(shop()).end(['up', '--inspect', 'web'])).toMatchObject({ code: 2 })
})
