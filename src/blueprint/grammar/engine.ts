import type { Reader } from './reader.ts'
import { object } from './reader.ts'
import { positive, sizeBytes, variableName } from './value.ts'

export interface ReadResources {
  readonly cpu: number | undefined
  readonly memory: number | undefined
}

/** Limits of an instance or a node; less memory than a process needs to start is a slip of the unit. */
export const resources: Reader<ReadResources> = object({
  what: 'resources',
  options: { cpu: positive('a number of cores', 1024), memory: sizeBytes(8 * 1024 ** 2, '8MiB') },
})

/** A value that is read from the environment. */
export const fromEnvironment: Reader<{ readonly env: string | undefined }> = object({
  what: "an address by reference, such as { env: 'ORDERS_URL' }",
  options: { env: variableName },
  hint: "put the address into a variable and write { env: 'NAME_OF_IT' }",
  required: ['env'],
})
