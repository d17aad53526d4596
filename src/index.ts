/** The public surface of `tenfold`: what a blueprint imports. */
export { TenfoldError } from './core/errors.ts'
