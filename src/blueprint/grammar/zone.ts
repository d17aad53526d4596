import type { Place } from '../place.ts'
import { text } from './value.ts'

/** The label of a place that instances or nodes are spread over. */
export function zone(given: unknown, place: Place): string | undefined {
  const label = text('a zone')(given, place)
  if (label === undefined || /^[a-z0-9][a-z0-9-]{0,31}$/.test(label)) return label
  return place.invalid(`expected a label of small letters, digits and '-', got '${label}'`, "write 'a' or 'eu-west-1b'")
}

/** Each place once. */
export function checkZones(zones: readonly string[] = [], place: Place): void {
  const twice = zones.findIndex((label, index) => zones.indexOf(label) !== index)
  if (twice === -1) return
  place.at('zones').at(twice).invalid(`expected each zone once, got '${zones[twice]}' again`, 'remove it')
}
