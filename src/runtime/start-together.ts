/**
 * Runs all tasks at once. When one fails, the signal of the others is aborted, and once all have ended the first
 * failure is thrown.
 *
 * @param onFailure called before the others are told
 */
export async function startTogether(
  signal: AbortSignal,
  tasks: readonly ((signal: AbortSignal) => Promise<void>)[],
  onFailure: () => void = () => undefined,
): Promise<void> {
  const failing = new AbortController()
  let failure: { readonly error: unknown } | undefined
  const together = AbortSignal.any([signal, failing.signal])
  await Promise.all(
    tasks.map(async (task) => {
      try {
        await task(together)
      } catch (error) {
        failure ??= { error }
        onFailure()
        failing.abort()
      }
    }),
  )
  if (failure !== undefined) throw failure.error
}
