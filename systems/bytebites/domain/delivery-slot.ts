import type { Cents } from './money.ts'

/** A time of the week at which boxes are delivered. Each region has all of them, each with the region's capacity. */
export interface DeliverySlot {
  /** `tue-evening`. */
  readonly code: string
  /** 0 is Monday. */
  readonly weekday: number
  /** Local hours, from and to. */
  readonly fromHour: number
  readonly toHour: number
  /** On top of the delivery fee; tax is contained. */
  readonly feeCents: Cents
}

const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const
const WINDOWS = [
  { name: 'morning', fromHour: 8, toHour: 12, feeCents: 0 },
  { name: 'afternoon', fromHour: 12, toHour: 17, feeCents: 0 },
  { name: 'evening', fromHour: 17, toHour: 21, feeCents: 99 },
] as const

export const DELIVERY_SLOTS: readonly DeliverySlot[] = WEEKDAYS.flatMap((day, weekday) =>
  WINDOWS.map(({ name, ...window }) => ({ code: `${day}-${name}`, weekday, ...window })),
)

const BY_CODE = new Map(DELIVERY_SLOTS.map((slot) => [slot.code, slot]))

/** The slot of that code, or undefined. */
export function deliverySlot(code: string): DeliverySlot | undefined {
  return BY_CODE.get(code)
}
