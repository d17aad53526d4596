/**
 * At most one load of a key under way, and no answer older than its question: who comes while one is under way shares the
 * next, which begins when that one has ended, since what the first has read may be older than the question.
 */
export interface TurnTaking<Value> {
  get(key: string, load: () => Promise<Value>): Promise<Value>
}

export function takeTurns<Value>(): TurnTaking<Value> {
  const turns = new Map<string, { running: Promise<unknown>; next: Promise<Value> | undefined }>()

  function run(key: string, load: () => Promise<Value>): Promise<Value> {
    const running = load()
    const turn = { running, next: undefined }
    turns.set(key, turn)
    const end = (): void => {
      if (turns.get(key) === turn && turn.next === undefined) turns.delete(key)
    }
    running.then(end, end)
    return running
  }

  async function runAfter(key: string, before: Promise<unknown>, load: () => Promise<Value>): Promise<Value> {
    await before.catch(() => undefined)
    return run(key, load)
  }

  return {
    get(key, load) {
      const turn = turns.get(key)
      if (turn === undefined) return run(key, load)
      return (turn.next ??= runAfter(key, turn.running, load))
    },
  }
}
