/** The public surface of `tenfold/testing`: what tests import. */
export type { ComponentAbility, ComponentCase, ComponentHarness } from './contracts/component.ts'
export { componentCases } from './contracts/component.ts'
export type { VirtualClock } from './virtual-clock.ts'
export { virtualClock } from './virtual-clock.ts'
