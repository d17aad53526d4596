import type { Socket } from 'node:net'
import { createServer } from 'node:net'
import { parseArgs } from 'node:util'
import { systemClock } from '../../src/core/clock.ts'

// The cheapest server there is: every read is taken for one whole request, which holds for small requests without
// pipelining on loopback, and gets the same answer. Prints { port } when it listens.

const { values } = parseArgs({ options: { 'delay-ms': { type: 'string', default: '0' } } })
const delayMs = Number(values['delay-ms'])
const body = JSON.stringify({ id: 4_711, token: 'a1b2c3d4', items: [{ sku: 'x', cents: 1_250 }], isOpen: true })
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: keep-alive\r\n\r\n${body}`,
)

/** Timers are a millisecond coarse, and the delay is what is measured: the last of it is spent waiting. */
function answerAt(dueMs: number, socket: Socket): void {
  systemClock.schedule(delayMs - 1, () => {
    while (systemClock.nowMs() < dueMs);
    socket.write(answer)
  })
}

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('data', () => {
    if (delayMs === 0) socket.write(answer)
    else answerAt(systemClock.nowMs() + delayMs, socket)
  })
  socket.on('error', () => socket.destroy())
})
server.listen({ host: '127.0.0.1', port: 0, backlog: 4_096 }, () => {
  const address = server.address()
  console.log(JSON.stringify({ port: typeof address === 'object' ? address?.port : undefined }))
})
