/** Changes to the blueprint of the shop; merged over it, one level deep. */
export interface ShopChanges {
  readonly [key: string]: unknown
}

/** A service that needs nothing but Node: it says who it is, what it was given, and can misbehave when asked to. */
const SERVER = `
import { createServer } from 'node:http'
import { readFileSync } from 'node:fs'
const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://service')
  const wait = Number(url.searchParams.get('ms') ?? 0)
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
  if (url.pathname === '/fail') return void response.writeHead(500).end('{}')
  if (url.pathname === '/bindings') return void response.end(readFileSync(process.env.TENFOLD_BINDINGS))
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ pid: process.pid, uid: process.getuid(), instance: process.env.TENFOLD_INSTANCE, text: process.env.TEXT }))
})
server.listen(Number(process.env.PORT), process.env.HOST)
console.log('listening')
process.on('SIGTERM', () => server.close(() => process.exit(0)))
`

/** One service of plain Node and no database: starts in a second or two. */
export function shop(changes: ShopChanges = {}): Record<string, string> {
  return { 'package.json': '{ "name": "shop", "type": "module" }', 'server.js': SERVER, ...blueprint(changes) }
}

/** The same with an embedded database, two migrations and a seed. */
export function shopWithDatabase(changes: ShopChanges = {}): Record<string, string> {
  return {
    ...shop(),
    ...blueprint({
      databases: { orders: { migrations: './migrations', seed: './seed.js' } },
      services: { web: { ...WEB, databases: ['orders'] } },
      ...changes,
    }),
    'migrations/001-orders.sql': 'create table orders (id bigint primary key, name text not null);',
    'migrations/002-index.sql': 'create index orders_name on orders (name);',
    'seed.js': `export async function seed({ copy, progress }) {
  progress('orders')
  await copy('orders', ['id', 'name'], [[1, 'bread'], [2, 'milk']])
}`,
  }
}

export const WEB = { command: 'node server.js', routes: ['/'], instances: { min: 2 } }

/** Only the blueprint, for an edit of it. */
export function blueprint(changes: ShopChanges = {}): Record<string, string> {
  const whole = { name: 'shop', services: { web: WEB }, ...changes }
  return { 'tenfold.config.ts': `export default ${JSON.stringify(whole, undefined, 2)}\n` }
}

/** A small load and an objective that the shop keeps easily. */
export const LOAD = {
  load: {
    peak: '100 sessions/s',
    duration: '2s',
    scenarios: [{ name: 'visit', steps: [{ name: 'get', path: '/' }] }],
  },
  objectives: { web: { latency: { p50: '2s' } } },
}
