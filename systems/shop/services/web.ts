import { createServer } from 'node:http'
import { bind, forwarded } from 'tenfold/service'
import type { System } from '../tenfold.config.ts'

const { databases, services } = await bind<System, 'web'>()
const { db } = databases.orders

createServer(async (request, response) => {
  const [, page, id] = (request.url ?? '/').split('/')
  const answer = (status: number, body: object): void => {
    const line = { time: new Date().toISOString(), method: request.method, url: request.url, status }
    process.stdout.write(`${JSON.stringify(line)}\n`)
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`)
  }
  try {
    if (page === 'health') return void response.end()
    if (page === 'products') return answer(200, await db.selectFrom('product').selectAll().execute())
    if (page !== 'orders') return answer(200, { shop: 'open', instance: process.env['TENFOLD_INSTANCE'] })
    const product = await db.selectFrom('product').selectAll().where('id', '=', Number(id)).executeTakeFirst()
    if (product === undefined) return answer(404, { error: `no product ${id}` })
    const price = await services.prices.fetch(`/gross/${product.cents}`, { headers: forwarded(request.headers) })
    const { cents } = (await price.json()) as { cents: number }
    const order = { id: crypto.randomUUID(), product_id: product.id, cents }
    await db.insertInto('order').values(order).execute()
    answer(201, order)
  } catch (error) {
    process.stderr.write(`${String(error)}\n`)
    answer(500, { error: 'ask again later' })
  }
}).listen(Number(process.env['PORT']), process.env['HOST'])
