import type { BasisPoints, Cents } from './money.ts'

/** A delivery region: a country with its clock, its taxes and its fee. */
export interface Region {
  readonly code: RegionCode
  readonly name: string
  /** IANA time zone: cut-off times are local times of the place where the box goes. */
  readonly timeZone: string
  readonly foodTax: BasisPoints
  readonly standardTax: BasisPoints
  /** For boxes below the free-delivery bound; tax is contained. */
  readonly deliveryFeeCents: Cents
  /** Boxes one slot takes in a week. */
  readonly slotCapacity: number
}

export const REGION_CODES = ['de', 'at', 'nl', 'ie', 'pt'] as const

export type RegionCode = (typeof REGION_CODES)[number]

/** Rates as an example has them: ask somebody who knows before you bill by them. */
export const REGIONS: Readonly<Record<RegionCode, Region>> = {
  de: region('de', 'Germany', 'Europe/Berlin', { food: 700, standard: 1900, fee: 499, capacity: 20_000 }),
  at: region('at', 'Austria', 'Europe/Vienna', { food: 1000, standard: 2000, fee: 549, capacity: 8_000 }),
  nl: region('nl', 'Netherlands', 'Europe/Amsterdam', { food: 900, standard: 2100, fee: 499, capacity: 10_000 }),
  ie: region('ie', 'Ireland', 'Europe/Dublin', { food: 0, standard: 2300, fee: 599, capacity: 6_000 }),
  pt: region('pt', 'Portugal', 'Europe/Lisbon', { food: 600, standard: 2300, fee: 449, capacity: 6_000 }),
}

function region(
  code: RegionCode,
  name: string,
  timeZone: string,
  terms: { food: BasisPoints; standard: BasisPoints; fee: Cents; capacity: number },
): Region {
  return {
    code,
    name,
    timeZone,
    foodTax: terms.food,
    standardTax: terms.standard,
    deliveryFeeCents: terms.fee,
    slotCapacity: terms.capacity,
  }
}
