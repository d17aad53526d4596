import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Span } from '../../src/control/span.ts'
import type { Run, Stage } from './stage.ts'
import { CHECKOUT, eventually, stage, TEST_TIMEOUT_MS, urlIn } from './stage.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const CLIENT = '00f067aa0ba902b7'
const UP = ['up', '--port', '0', '--ephemeral']

/** Two services and a database: what is asked of `web` it asks `stock`, which asks PostgreSQL. */
const FILES = {
  'tenfold.config.ts': `export default {
  name: 'shop',
  databases: { orders: { migrations: './migrations' } },
  services: {
    web: { entry: './web.ts', routes: ['/'], calls: ['stock'], instances: { min: 2 } },
    stock: { entry: './stock.ts', databases: ['orders'] },
  },
}`,
  'migrations/001.sql':
    "create table item (id bigint primary key, name text not null); insert into item values (1, 'bread');",
  'web.ts': `import { createServer } from 'node:http'
import { bind, currentTraceId } from 'tenfold/service'
const { services } = await bind<any, any>()
createServer(async (request, response) => {
  const answer = await services.stock.fetch('/count' + request.url)
  console.log('web served ' + currentTraceId())
  response.writeHead(answer.status).end(await answer.text())
}).listen(Number(process.env.PORT), process.env.HOST)`,
  'stock.ts': `import { createServer } from 'node:http'
import { bind, currentTraceId } from 'tenfold/service'
const { databases } = await bind<any, any>()
createServer(async (request, response) => {
  const rows = await databases.orders.db.selectFrom('item').select('name').where('id', '=', 1).execute()
  console.log(JSON.stringify({ time: Date.now(), trace_id: currentTraceId(), msg: 'stock counted' }))
  response.writeHead(request.url === '/count/fail' ? 500 : 200).end(JSON.stringify(rows))
}).listen(Number(process.env.PORT), process.env.HOST)`,
}

test(
  'follows a request through gateway, services and SQL, shows it, and keeps it over a restart',
  async () => {
    const on = stage(FILES, { directory: insideTheCheckout() })
    const collector = await openCollector()
    const up = await started(on, { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url })
    const url = urlIn(up.out())

    const asked = await fetch(`${url}/buy?card=4711`, { headers: { traceparent: `00-${TRACE}-${CLIENT}-01` } })
    expect(await asked.text()).toBe('[{"name":"bread"}]')
    let spans: readonly Span[] = []
    await eventually('every span to be kept', async () => (spans = await spansOf(on, TRACE)).length === 6)
    const chain = inChain(spans, CLIENT)
    expect(chain.map((span) => [span.instance?.replace(/\d$/, 'N') ?? span.service, span.kind, span.name])).toEqual([
      ['gateway', 'server', 'GET'],
      ['web-N', 'server', 'GET'],
      ['web-N', 'client', 'GET'],
      ['gateway', 'server', 'GET'],
      ['stock-N', 'server', 'GET'],
      ['stock-N', 'client', 'SELECT'],
    ])
    // Both say when they began to the millisecond.
    for (const [index, { startEpochMs }] of chain.slice(1).entries()) {
      expect(startEpochMs).toBeGreaterThan(chain[index]!.startEpochMs - 5)
    }
    expect(JSON.stringify(spans)).not.toContain('4711')

    // Decided once: the first request of a second is kept everywhere, and found by the id that its client gets.
    const id = (await fetch(`${url}/quiet`)).headers.get('x-request-id')!
    const digits = id.replaceAll('-', '')
    await eventually('both to reach the collector', () => {
      const ids = collector.traceIds()
      // One more where the pool has asked first whether its connection lives.
      return [TRACE, digits].every((each) => ids.filter((other) => other === each).length >= 6)
    })
    expect(collector.paths()).toEqual(['/v1/traces'])

    // The sender says no: only the failure itself is kept, where it was seen.
    const failed = TRACE.replace('4', '5')
    const answer = await fetch(`${url}/fail`, { headers: { traceparent: `00-${failed}-${CLIENT}-00` } })
    expect(answer.status).toBe(500)
    await eventually('the failure to be kept', async () => (await spansOf(on, failed)).length === 5)
    expect((await spansOf(on, failed)).every(({ isError }) => isError)).toBe(true)

    up.signal('SIGINT')
    expect(await up.ended).toMatchObject({ code: 0 })
    await started(on)
    const shown = await on.end(['logs', '--trace', TRACE])
    expect(shown.code).toBe(0)
    const tree = shown.out.replaceAll(/\d+(\.\d)? ms/g, 'MS').replaceAll(/ +(MS +)*/g, ' ')
    expect(
      tree
        .replaceAll(/web-[12]/g, 'web-N')
        .replaceAll(/"time":\d+/g, '"time":T')
        .split('\n')
        .slice(2),
    ).toEqual([
      ' at took',
      ' gateway GET /buy → web-N 200',
      ' └ web-N GET /buy 200',
      ' ├ web-N calls GET /stock/count/buy 200',
      ' │ └ gateway GET /count/buy → stock-1 200',
      ' │ └ stock-1 GET /count/buy 200',
      ' │ ├ stock-1 SELECT orders select "name" from "item" where "id" = $1',
      ` │ └ “{"time":T,"trace_id":"${TRACE}","msg":"stock counted"}”`,
      ` └ “web served ${TRACE}”`,
      '',
    ])
    expect((await on.end(['logs', '--trace', id])).out).toContain(`web served ${digits}`)
    const listed = await on.end(['logs', '--traces', '--since', '1h', '--service', 'stock'])
    expect(listed.out).toContain(`${TRACE}  `)
    expect(listed.out).toContain('GET /quiet')
    expect(await on.end(['logs', '--trace', 'nothing'])).toMatchObject({
      code: 0,
      out: '',
      err: expect.stringContaining('"tenfold logs --traces"'),
    })
  },
  2 * TEST_TIMEOUT_MS,
)

async function started(on: Stage, env: Readonly<Record<string, string>> = {}): Promise<Run> {
  const up = on.tenfold(UP, { env, timeoutMs: TEST_TIMEOUT_MS })
  await up.says(/Ctrl-C stops everything/)
  return up
}

async function spansOf(on: Stage, trace: string): Promise<readonly Span[]> {
  const { out } = await on.end(['logs', '--trace', trace, '--json'])
  const lines = out.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Span).filter(({ spanId }) => spanId !== undefined)
}

/** Each span below the one before, from the one whose parent is named. */
function inChain(spans: readonly Span[], parent: string): readonly Span[] {
  const first = spans.find(({ parentSpanId }) => parentSpanId === parent)
  return first === undefined ? [] : [first, ...inChain(spans, first.spanId)]
}

interface OtlpBody {
  readonly resourceSpans: readonly { scopeSpans: readonly { spans: readonly { traceId: string }[] }[] }[]
}

/** A collector of OpenTelemetry that only remembers. */
async function openCollector(): Promise<{ url: string; traceIds(): string[]; paths(): string[] }> {
  const bodies: OtlpBody[] = []
  const paths = new Set<string>()
  const server: Server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (piece: string) => (text += piece))
    request.on('end', () => {
      paths.add(request.url ?? '')
      bodies.push(JSON.parse(text) as OtlpBody)
      response.end('{}')
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    traceIds: () =>
      bodies
        .flatMap(({ resourceSpans }) => resourceSpans.flatMap(({ scopeSpans }) => scopeSpans))
        .flatMap(({ spans }) => spans.map(({ traceId }) => traceId)),
    paths: () => [...paths],
  }
}

/** Where the services find `tenfold`. */
function insideTheCheckout(): string {
  const directory = join(CHECKOUT, `.bench/e2e-traces-${process.pid}`)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  mkdirSync(directory, { recursive: true })
  return directory
}
