import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

/* An instance that begins two answers, tells its parent, and never finishes them. */
let begun = 0
const server = createServer((request, response) => {
  response.writeHead(200, request.url === '/length' ? { 'content-length': '1000' } : {})
  response.write('half', () => {
    begun += 1
    if (begun === 2) process.send?.('begun')
  })
})
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port))
process.on('disconnect', () => process.exit())
