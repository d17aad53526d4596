import { createServer } from 'node:http'

const factor = 1 + Number(process.env['TAX_PERCENT']) / 100

createServer((request, response) => {
  const net = Number(request.url?.split('/')[2])
  response.end(JSON.stringify({ cents: Math.round(net * factor) }))
}).listen(Number(process.env['PORT']), process.env['HOST'])
