import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { blueprint, shop, WEB } from './shop.ts'
import { ask, eventually, snapshotOf, stage, TEST_TIMEOUT_MS } from './stage.ts'

const FRONT = { static: './dist', routes: ['/'], fallback: 'index.html' }
const API = { ...WEB, routes: ['/api'] }

function build(text: string, script: string): Record<string, string> {
  return {
    'dist/index.html': `<title>${text}</title><script src="/assets/${script}"></script>`,
    [`dist/assets/${script}`]: `console.log(${JSON.stringify(text)})`,
  }
}

test(
  'serves a front end beside a server, and takes a new build over at once, also after a restart',
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const on = stage({
      ...shop(),
      ...blueprint({ services: { api: API, front: FRONT } }),
      ...build('one', 'index-AAAAaaa1.js'),
      '.tenfoldignore': 'dist',
    })
    const up = async (): Promise<string> => {
      const started = await on.end(['up', '--detach', '--json', '--port', '0'])
      expect(started).toMatchObject({ code: 0, err: expect.not.stringContaining('front: ') })
      return (JSON.parse(started.out) as { gateway: { url: string } }).gateway.url
    }
    const get = async (path: string): Promise<string> => {
      const response = await fetch(`${url}${path}`, { headers: { accept: 'text/html' } })
      return `${response.status} ${/(?:<title>|log\(")(\w+)/.exec(await response.text())?.[1] ?? ''}`.trim()
    }
    let url = await up()
    const pids = async (): Promise<readonly unknown[]> =>
      (await snapshotOf(on))!.services['api']!.instances.map(({ pid }) => pid)
    const before = await pids()
    expect(await Promise.all(['/', '/orders/7', '/assets/index-AAAAaaa1.js', '/assets/none.js'].map(get))).toEqual([
      '200 one',
      '200 one',
      '200 one',
      '404',
    ])
    expect(await ask(url, '/api')).toMatchObject({ instance: expect.stringMatching(/^api-/) })
    expect((await on.end(['status'])).out).toMatch(/front\s+files\s+ready\s+release [0-9a-f]{8}/)
    expect((await on.end(['check'])).out).toMatch(/front\s+files\s+routes \//)
    expect(await on.end(['run', 'front', '--', 'true'])).toMatchObject({
      code: 2,
      err: expect.stringContaining('TF_USAGE'),
    })

    // A new build: the old hashed name is still there, for pages that are open; no instance is replaced.
    rmSync(join(on.directory, 'dist'), { recursive: true })
    on.write(build('two', 'index-BBBBbbb2.js'))
    expect(await get('/')).toBe('200 one')
    expect(await on.end(['apply'])).toMatchObject({
      code: 0,
      out: expect.stringMatching(/services\.front\.files\s+live/),
    })
    const paths = ['/', '/assets/index-BBBBbbb2.js', '/assets/index-AAAAaaa1.js']
    expect(await Promise.all(paths.map(get))).toEqual(['200 two', '200 two', '200 one'])
    expect(await pids()).toEqual(before)
    expect((await on.end(['apply'])).out).toContain('nothing to apply')

    // A server becomes no front end, nor the other way round, while it runs.
    on.write(blueprint({ services: { api: API, front: { ...WEB, routes: ['/'] } } }))
    expect(await on.end(['apply'])).toMatchObject({ code: 1, err: expect.stringContaining('TF_APPLY_REFUSED') })
    on.write(blueprint({ services: { api: API } }))
    expect(await on.end(['apply'])).toMatchObject({ code: 0 })
    expect(await get('/')).toBe('404')
    on.write(blueprint({ services: { api: API, site: { ...FRONT, routes: ['/site'] } } }))
    expect(await on.end(['apply'])).toMatchObject({ code: 0 })
    expect(await get('/site/')).toBe('200 two')
    expect(await on.end(['down'])).toMatchObject({ code: 0 })

    url = await up()
    expect(await get('/site/')).toBe('200 two')
  },
)

test(
  'takes a build over on save while watching, without a restart of what does not read it',
  { timeout: TEST_TIMEOUT_MS },
  async () => {
    const on = stage({
      ...shop(),
      ...blueprint({ services: { api: API, front: FRONT } }),
      ...build('one', 'index-AAAAaaa1.js'),
    })
    const watching = on.tenfold(['up', '--watch', '--port', '0'])
    await watching.says(/Watching/)
    const url = (await snapshotOf(on))!.gateway.url!
    const pids = async (): Promise<readonly unknown[]> =>
      (await snapshotOf(on))!.services['api']!.instances.map(({ pid }) => pid)
    const before = await pids()
    on.write(build('three', 'index-CCCCccc3.js'))
    await eventually('the new build', async () => (await (await fetch(url)).text()).includes('three'))
    expect(await pids()).toEqual(before)
    watching.signal('SIGINT')
    expect(await watching.ended).toMatchObject({ code: 0 })
  },
)
