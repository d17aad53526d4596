import type { IncomingMessage, RequestListener, ServerOptions } from 'node:http'
import type { Server } from 'node:https'
import { createServer } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { GatewayResponse } from '../exchange/gateway-response.ts'
import type { Certificates } from './certificates.ts'

type Http = ServerOptions<typeof IncomingMessage, typeof GatewayResponse>

/**
 * A server of HTTP over TLS, 1.2 or newer, with Node's choice of ciphers. Who does not end the handshake in time is
 * closed, as is who begins it wrongly: without TLS there is nothing to say it in.
 */
export function createSecureServer(
  http: Http,
  onRequest: RequestListener<typeof IncomingMessage, typeof GatewayResponse>,
  certificates: Certificates,
  handshakeTimeout: number,
): Server<typeof IncomingMessage, typeof GatewayResponse> {
  const server = createServer(
    {
      ...http,
      handshakeTimeout,
      SNICallback: (serverName, done) => done(null, certificates.contextFor(serverName)),
    },
    onRequest,
  )
  // Node would hand it on as an error of HTTP, which is answered in HTTP.
  server.removeAllListeners('tlsClientError')
  server.on('tlsClientError', (_error, socket: TLSSocket) => socket.destroy())
  certificates.follow(server)
  return server
}
