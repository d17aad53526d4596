import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/**
 * Ends a connection in the middle of an answer, so that the client can't take what it has got for the whole: with a
 * reset, also below TLS, where an orderly end of the connection could pass for the end of the answer.
 */
export function cutConnection(socket: Socket): void {
  if (!(socket instanceof TLSSocket)) return void socket.resetAndDestroy()
  // Node has no other way to the socket below.
  const below = '_parent' in socket ? socket._parent : undefined
  if (below instanceof Socket) below.resetAndDestroy()
  socket.destroy()
}
