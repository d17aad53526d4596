/**
 * The part of the Standard Schema interface (version 1, https://standardschema.dev) that Tenfold reads. A zod, Valibot
 * or ArkType schema is one.
 */
export interface StandardSchema<Output = unknown> {
  readonly '~standard': {
    readonly version: 1
    readonly vendor: string
    readonly validate: (value: unknown) => unknown
    readonly types?: { readonly input: unknown; readonly output: Output } | undefined
  }
}
