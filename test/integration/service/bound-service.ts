import { createServer } from 'node:http'
import { defineSystem } from 'tenfold'
import { bind, forwarded, onShutdown } from 'tenfold/service'

const system = defineSystem({
  name: 'bound',
  databases: { orders: {} },
  services: {
    api: { entry: './api.ts', databases: ['orders'], calls: ['greeter'] },
    greeter: { entry: './greeter.ts' },
  },
})

const { databases, services } = await bind<typeof system, 'api'>()
// Kept in a constant on purpose: it has to stay good when the database moves.
const { db, transaction } = databases.orders
onShutdown(() => process.stdout.write('hook\n'))

createServer(async (request, response) => {
  try {
    response.end(await answer(request.url ?? '', request.headers))
  } catch (error) {
    response.writeHead(500).end(String(error))
  }
}).listen(Number(process.env['PORT']), process.env['HOST'])

async function answer(url: string, headers: Parameters<typeof forwarded>[0]): Promise<string> {
  if (url === '/call') {
    const called = await services.greeter.fetch('/hello', { headers: forwarded(headers) })
    return called.text()
  }
  const rows = await transaction((tx) => tx.query<{ name: string }>('select current_database() as name'))
  const seconds = url === '/slow' ? 1 : 0
  const names = await db.selectFrom('pg_database').select('datname').where('datname', '=', rows.rows[0]!.name).execute()
  if (seconds > 0) await transaction((tx) => tx.query(`select pg_sleep(${seconds})`))
  return String(names[0]?.['datname'])
}
