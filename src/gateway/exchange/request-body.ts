import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'

/** Who is told what becomes of a body. */
export interface RequestBodyEvents {
  /** Before anything is read: the moment to send 100 Continue. */
  onBodyWanted(): void
  /** More has come than may be. */
  onBodyTooLarge(): void
}

/**
 * The body of a request on its way to an instance. It reads nothing before the first byte is asked for, so a request
 * whose connection was refused still has its whole body for the next instance; and whatever undici does to it when an
 * instance fails, the client's request itself stays intact, so that the client can be answered.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage
  readonly #events: RequestBodyEvents
  readonly #bytesMax: number
  #bytes = 0
  #isReading = false

  constructor(request: IncomingMessage, bytesMax: number, events: RequestBodyEvents) {
    super()
    this.#request = request
    this.#bytesMax = bytesMax
    this.#events = events
    this.on('error', () => {
      // The exchange hears of it from the instance or from the client; here it must only not be thrown.
    })
  }

  /** Whether the instance asks for bytes that the client has not sent. */
  get isStarved(): boolean {
    return this.#isReading && !this.#request.complete && this.readableLength === 0
  }

  override _read(): void {
    if (this.#isReading) {
      this.#request.resume()
      return
    }
    this.#isReading = true
    this.#events.onBodyWanted()
    this.#request.on('data', this.#onData).on('end', this.#onEnd)
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#request.off('data', this.#onData).off('end', this.#onEnd)
    // What is left is read and thrown away, or the client would never get to read its answer.
    if (this.#isReading) this.#request.resume()
    callback(error)
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length
    if (this.#bytes > this.#bytesMax) {
      // The instance gets no more of it, and never its end.
      this.#request.off('data', this.#onData).off('end', this.#onEnd)
      this.#events.onBodyTooLarge()
      return
    }
    if (!this.push(chunk)) this.#request.pause()
  }

  readonly #onEnd = (): void => {
    this.push(null)
  }
}
