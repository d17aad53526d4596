import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { Server } from 'node:http'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { GatewayFiles } from '../../../src/gateway/gateway-config.ts'
import { GatewayResponse } from '../../../src/gateway/exchange/gateway-response.ts'
import { createStaticFiles } from '../../../src/gateway/static/static-files.ts'

const opened: { server: Server; directory: string }[] = []

afterEach(async () => {
  for (const { server, directory } of opened.splice(0)) {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
    rmSync(directory, { recursive: true, force: true })
  }
})

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly body: string
}

type Ask = (path: string, options?: { method?: string; headers?: Record<string, string> }) => Promise<Answer>

async function site(
  files: Readonly<Record<string, string | Buffer>>,
  options: Partial<GatewayFiles> = {},
): Promise<{ ask: Ask; directory: string }> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'tenfold static-')))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    writeFileSync(join(directory, path), content)
  }
  const statics = createStaticFiles({
    directories: [join(directory, 'dist'), join(directory, 'before')],
    routes: ['/'],
    ...options,
  })
  const server = createServer({ ServerResponse: GatewayResponse }, (incoming, response) => {
    void statics.serve(incoming, response, { target: incoming.url ?? '/', requestId: 'r1' })
  })
  opened.push({ server, directory })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const ask: Ask = (path, { method = 'GET', headers = {} } = {}) =>
    new Promise((resolve, reject) => {
      const outgoing = request({ host: '127.0.0.1', port, path, method, headers }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (piece: string) => (body += piece))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers as Answer['headers'], body }),
        )
      })
      outgoing.once('error', reject)
      outgoing.end(method === 'POST' ? 'body' : undefined)
    })
  return { ask, directory }
}

const SITE = {
  'dist/index.html': '<h1>home</h1>',
  'dist/about/index.html': '<h1>about</h1>',
  'dist/assets/index-BZ3k2x9A.js': 'console.log(1)',
  'dist/data.json': '{}',
  'dist/.secret': 'hunter2',
}

describe('static files', () => {
  test('are answered with their type, length and address of content', async () => {
    const { ask } = await site(SITE)
    const home = await ask('/')
    expect(home).toMatchObject({ status: 200, body: '<h1>home</h1>' })
    expect(home.headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'content-length': '13',
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'x-request-id': 'r1',
    })
    const script = await ask('/assets/index-BZ3k2x9A.js')
    expect(script.headers['cache-control']).toBe('public, max-age=31536000, immutable')
    expect((await ask('/index.html')).headers['etag']).toBe(home.headers['etag'])
  })

  test('that a client has are not sent again', async () => {
    const { ask } = await site(SITE)
    const etag = (await ask('/')).headers['etag']!
    for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
      expect(await ask('/', { headers: { 'if-none-match': known } })).toMatchObject({ status: 304, body: '' })
    }
    expect(await ask('/', { headers: { 'if-none-match': '"other"' } })).toMatchObject({ status: 200 })
    const since = (await ask('/')).headers['last-modified']!
    expect(await ask('/', { headers: { 'if-modified-since': since } })).toMatchObject({ status: 304 })
    expect(await ask('/', { headers: { 'if-modified-since': since, 'if-none-match': '"other"' } })).toMatchObject({
      status: 200,
    })
  })

  test('have the same address for the same content, in whatever release', async () => {
    const first = await (await site(SITE)).ask('/')
    const second = await (await site(SITE)).ask('/')
    expect(second.headers['etag']).toBe(first.headers['etag'])
  })

  test('are served for a directory, which ends in a slash', async () => {
    const { ask } = await site(SITE)
    expect(await ask('/about/')).toMatchObject({ status: 200, body: '<h1>about</h1>' })
    expect(await ask('/about?x=1')).toMatchObject({ status: 308, headers: { location: '/about/?x=1' } })
    expect(await ask('/assets/')).toMatchObject({ status: 404 })
    expect(await ask('/assets')).toMatchObject({ status: 404 })
  })

  test('are found below the route of their service', async () => {
    const { ask } = await site(SITE, { routes: ['/app'] })
    expect(await ask('/app/data.json')).toMatchObject({ status: 200, body: '{}' })
    expect(await ask('/app')).toMatchObject({ status: 308, headers: { location: '/app/' } })
    expect(await ask('/app/')).toMatchObject({ status: 200, body: '<h1>home</h1>' })
  })

  test('of a single page answer with it for pages, and with nothing for what else is missing', async () => {
    const { ask } = await site(SITE, { fallback: 'index.html' })
    expect(await ask('/orders/7', { headers: { accept: 'text/html' } })).toMatchObject({
      status: 200,
      body: '<h1>home</h1>',
    })
    expect(await ask('/assets/gone-12345678.js')).toMatchObject({ status: 404 })
    expect(await ask('/orders/7', { headers: { accept: 'application/json' } })).toMatchObject({ status: 404 })
    expect(await (await site(SITE)).ask('/orders/7')).toMatchObject({ status: 404 })
  })

  test('with a hash that the release has no more come from the one before', async () => {
    const files = { ...SITE, 'before/assets/old-AZ3k2x9B.js': 'old', 'before/page.html': 'old' }
    const { ask } = await site(files, { fallback: 'index.html' })
    expect(await ask('/assets/old-AZ3k2x9B.js')).toMatchObject({ status: 200, body: 'old' })
    expect(await ask('/page.html')).toMatchObject({ status: 404 })
  })

  test('are sent compressed where a copy lies beside them, and the client takes it', async () => {
    const files = { ...SITE, 'dist/data.json.br': 'brotli', 'dist/data.json.gz': 'gzipped' }
    const { ask } = await site(files)
    const answer = await ask('/data.json', { headers: { 'accept-encoding': 'gzip, br' } })
    expect(answer).toMatchObject({ body: 'brotli', headers: { 'content-encoding': 'br', vary: 'accept-encoding' } })
    expect(answer.headers['content-type']).toBe('application/json')
    const gzip = await ask('/data.json', { headers: { 'accept-encoding': 'gzip, br;q=0' } })
    expect(gzip.headers['content-encoding']).toBe('gzip')
    expect(gzip.headers['etag']).not.toBe(answer.headers['etag'])
    expect(await ask('/data.json')).toMatchObject({ body: '{}', headers: { vary: 'accept-encoding' } })
  })

  test('are sent in part where a part is asked for', async () => {
    const { ask } = await site(SITE)
    expect(await ask('/', { headers: { range: 'bytes=4-7' } })).toMatchObject({
      status: 206,
      body: 'home',
      headers: { 'content-range': 'bytes 4-7/13', 'content-length': '4' },
    })
    expect(await ask('/', { headers: { range: 'bytes=99-' } })).toMatchObject({
      status: 416,
      headers: { 'content-range': 'bytes */13' },
    })
    const { etag, 'last-modified': modified } = (await ask('/')).headers
    for (const condition of [etag!, modified!]) {
      expect(await ask('/', { headers: { range: 'bytes=4-7', 'if-range': condition } })).toMatchObject({ status: 206 })
    }
    expect(await ask('/', { headers: { range: 'bytes=4-7', 'if-range': '"other"' } })).toMatchObject({ status: 200 })
    expect(await ask('/', { method: 'HEAD', headers: { range: 'bytes=4-7' } })).toMatchObject({ status: 200 })
  })

  test('take GET and HEAD, and nothing else', async () => {
    const { ask } = await site(SITE)
    expect(await ask('/', { method: 'HEAD' })).toMatchObject({
      status: 200,
      body: '',
      headers: { 'content-length': '13' },
    })
    expect(await ask('/', { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET, HEAD' } })
  })

  test('are not what a link outside leads to, nor what begins with a dot', async () => {
    const { ask, directory } = await site(SITE)
    writeFileSync(join(directory, 'outside.txt'), 'hunter2')
    symlinkSync('../outside.txt', join(directory, 'dist/link.txt'))
    symlinkSync('data.json', join(directory, 'dist/inside.json'))
    symlinkSync('../outside.txt', join(directory, 'dist/data.json.gz'))
    symlinkSync('..', join(directory, 'dist/up'))
    const data = await ask('/data.json', { headers: { 'accept-encoding': 'gzip' } })
    expect(data).toMatchObject({ body: '{}' })
    expect(await ask('/link.txt')).toMatchObject({ status: 404 })
    expect(await ask('/inside.json')).toMatchObject({ status: 200, body: '{}' })
    for (const path of [
      '/.secret',
      '/../outside.txt',
      '/%2e%2e/outside.txt',
      '/..%2foutside.txt',
      '//etc/passwd',
      '/up/outside.txt',
    ]) {
      expect(await ask(path), path).toMatchObject({ status: 404 })
    }
  })

  test('that are not there at all are 404, not the end of the gateway', async () => {
    const { ask } = await site({})
    expect(await ask('/')).toMatchObject({ status: 404 })
  })
})
