import type { Clock } from '../../core/clock.ts'
import { TenfoldError } from '../../core/errors.ts'
import type { BucketKeys } from './sign-request.ts'

/** Where values of secrets come from: those of the environment, and of the blueprint's file. */
export type ReadSecrets = () => Promise<Readonly<Record<string, string | undefined>>>

/** The keys of a bucket, as they are now. */
export interface BucketKeysSource {
  /** @throws TF_SECRET_MISSING, TF_SECRETS_FILE_UNUSABLE */
  read(): Promise<BucketKeys>
  /** They were refused: reads them anew the next time. */
  forget(): void
}

/** Keys that have been changed are in use after this time. */
const FRESH_MS = 60_000

/** Keys under the names that everybody uses: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`. */
export function bucketKeysFrom(secrets: ReadSecrets, clock: Clock): BucketKeysSource {
  let known: { readonly keys: BucketKeys; readonly atMs: number } | undefined
  return {
    async read() {
      if (known !== undefined && clock.nowMs() - known.atMs < FRESH_MS) return known.keys
      const values = await secrets()
      const sessionToken = values['AWS_SESSION_TOKEN']
      const keys = {
        accessKeyId: required(values, 'AWS_ACCESS_KEY_ID'),
        secretAccessKey: required(values, 'AWS_SECRET_ACCESS_KEY'),
        sessionToken: sessionToken === '' ? undefined : sessionToken,
      }
      known = { keys, atMs: clock.nowMs() }
      return keys
    },
    forget() {
      known = undefined
    },
  }
}

function required(values: Readonly<Record<string, string | undefined>>, name: string): string {
  const value = values[name]
  if (value !== undefined && value !== '') return value
  throw new TenfoldError('TF_SECRET_MISSING', `expected ${name} for the bucket of backups, got none`, {
    hint: `set ${name} where you start tenfold, or add it to the file that "secrets" of the blueprint names`,
    details: { name },
  })
}
