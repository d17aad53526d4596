import type { Clock } from '../../core/clock.ts'
import { sleep } from '../../core/clock.ts'
import type { UnwellInstance } from '../../control/snapshot.ts'
import type { GatewayState } from '../gateway-state.ts'

const POLL_MS = 1_000

/**
 * Tells whenever the gateway holds other instances to be unwell than before. Asks once a second; ends with the signal and
 * never rejects. A gateway that does not answer has said nothing new.
 */
export async function watchHealth(options: {
  state: () => Promise<GatewayState>
  clock: Clock
  signal: AbortSignal
  onChange: (unwell: readonly UnwellInstance[]) => void
}): Promise<void> {
  const { state, clock, signal, onChange } = options
  let last = JSON.stringify([])
  for (;;) {
    const hasEnded = await sleep(clock, POLL_MS, signal).then(
      () => false,
      () => true,
    )
    if (hasEnded) return
    const found = await state().catch(() => undefined)
    if (found === undefined || signal.aborted) continue
    const unwell = unwellIn(found)
    const text = JSON.stringify(unwell)
    if (text === last) continue
    last = text
    onChange(unwell)
  }
}

/** The instances that a gateway holds to be unwell. */
function unwellIn({ services }: GatewayState): readonly UnwellInstance[] {
  return Object.entries(services).flatMap(([service, { out = [], isPanic }]) =>
    // A gateway that was adopted may be of a version that says nothing of it.
    out.map(({ id: instance, reason }) => ({ service, instance, reason, isServedNonetheless: isPanic })),
  )
}
