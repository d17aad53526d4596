/** Clients that ask the shop as fast as they can. */
export interface Load {
  /** Tells the clients to stop, and gives what they got. */
  stop(): Promise<{ readonly answers: number; readonly failures: readonly string[] }>
}

/** Asks as fast as four clients can, until it is told to stop. */
export function load(url: string): Load {
  const over = new AbortController()
  let answers = 0
  const failures: string[] = []
  const clients = Array.from({ length: 4 }, async () => {
    while (!over.signal.aborted) {
      const outcome = await fetch(`${url}/?ms=5`, { signal: AbortSignal.timeout(30_000) }).then(
        async (response) => (await response.text(), response.status),
        (error: unknown) => String(error),
      )
      if (outcome === 200) answers++
      else failures.push(String(outcome))
    }
  })
  return {
    async stop() {
      over.abort()
      await Promise.all(clients)
      return { answers, failures }
    },
  }
}
