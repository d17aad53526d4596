import type { ClaimState } from './partition-claim.ts'

/** What a member tells the others of its group, and whoever measures how far it is. */
export interface MemberNote {
  readonly id: string
  readonly claims: readonly ClaimState[]
  /** It does not know the others yet. */
  readonly isNew?: boolean
  readonly isGone?: boolean
}

/** The note as it is sent. */
export function writeNote(note: MemberNote): Buffer {
  return Buffer.from(JSON.stringify(note))
}

/** A note that was sent; undefined: it is something else, which another version may have sent. */
export function readNote(content: Buffer | undefined): MemberNote | undefined {
  try {
    const note: unknown = JSON.parse(content?.toString('utf8') ?? '')
    return isNote(note) ? note : undefined
  } catch {
    return undefined
  }
}

function isNote(value: unknown): value is MemberNote {
  return (
    typeof value === 'object' &&
    value !== null &&
    'id' in value &&
    typeof value.id === 'string' &&
    'claims' in value &&
    Array.isArray(value.claims)
  )
}
