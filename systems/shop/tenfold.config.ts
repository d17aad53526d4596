import { defineSystem, shape } from 'tenfold'

interface OrderTables {
  product: { id: number; name: string; cents: number }
  order: { id: string; product_id: number; cents: number }
}

const system = defineSystem({
  name: 'shop',
  databases: {
    orders: { tables: shape<OrderTables>(), migrations: './migrations', seed: './data/products-seed.ts' },
  },
  services: {
    web: {
      entry: './services/web.ts',
      routes: ['/'],
      databases: ['orders'],
      calls: ['prices'],
      health: '/health',
      instances: { min: 2 },
    },
    prices: { entry: './services/prices.ts', env: { TAX_PERCENT: '19' } },
  },
  objectives: { web: { availability: 0.99, latency: { p95: '500ms' } } },
  load: {
    peak: '20 sessions/s',
    duration: '30s',
    scenarios: [
      {
        name: 'buy',
        feeds: { product: { sequence: { from: 1, to: 3 } } },
        steps: [
          { name: 'look', path: '/products' },
          { name: 'order', method: 'POST', path: '/orders/{{product.value}}', check: { status: 201 } },
        ],
      },
    ],
  },
})
export default system
export type System = typeof system
