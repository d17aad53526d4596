import type { Clock } from '../../src/core/clock.ts'
import type { Connect } from '../../src/load/transport.ts'

/** A target in the process: what it is sent, and how it answers, are in the hands of the test. */
export interface FakeTarget {
  readonly connect: Connect
  /** Requests in the order in which they came, with the time on the clock. */
  readonly requests: { readonly atMs: number; readonly text: string }[]
  /** Connections that are open now. */
  readonly open: number
  /** Connections that were opened in all. */
  readonly opened: number
  /** Answers are held from now on; `thaw` gives them all out. */
  freeze(): void
  thaw(): void
  /** New connections are refused, or accepted again. */
  refuse(isRefusing: boolean): void
  /** Breaks every connection that is open. */
  reset(): void
}

/** How the fake answers. */
export interface FakeTargetOptions {
  readonly clock: Clock
  /** @default 1 */
  readonly delayMs?: number
  /** The answer to a request, in HTTP. @default an empty 200 */
  readonly answer?: (request: string) => string
  /** Time that connecting takes. @default 0 */
  readonly connectMs?: number
}

/** A fake target. */
export function createFakeTarget(options: FakeTargetOptions): FakeTarget {
  const { clock, delayMs = 1, connectMs = 0 } = options
  const answer = options.answer ?? (() => 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
  const requests: { atMs: number; text: string }[] = []
  const held: (() => void)[] = []
  const open = new Set<{ break(problem: string): void }>()
  let opened = 0
  let isFrozen = false
  let isRefusing = false

  const connect: Connect = (events) => {
    let isGone = false
    const peer = {
      break(problem: string) {
        isGone = true
        open.delete(peer)
        events.onError(problem)
      },
    }
    clock.schedule(connectMs, () => {
      if (isGone) return
      if (isRefusing) {
        peer.break('ECONNREFUSED')
        return
      }
      opened++
      open.add(peer)
      events.onOpen()
    })
    return {
      write(bytes) {
        const text = bytes.toString()
        requests.push({ atMs: clock.nowMs(), text })
        const reply = (): void => {
          if (isGone) return
          const reply = Buffer.from(answer(text))
          events.onBytes(reply, reply.length)
        }
        clock.schedule(delayMs, () => (isFrozen ? held.push(reply) : reply()))
      },
      destroy() {
        isGone = true
        open.delete(peer)
      },
    }
  }

  return {
    connect,
    requests,
    get open() {
      return open.size
    },
    get opened() {
      return opened
    },
    freeze() {
      isFrozen = true
    },
    thaw() {
      isFrozen = false
      for (const reply of held.splice(0)) reply()
    },
    refuse(refusing) {
      isRefusing = refusing
    },
    reset() {
      for (const peer of Array.from(open)) peer.break('ECONNRESET')
    },
  }
}
