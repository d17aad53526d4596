/** The public surface of `tenfold/service`: what a service imports. */
export type { BindingsDocument } from './bindings-document.ts'
