/** The public surface of `tenfold/testing`: what tests import. */
export { virtualClock } from './virtual-clock.ts'
