import type { OrderTables } from '../../data/tables.ts'
import type { Allergen } from '../../domain/allergen.ts'
import type { Diet } from '../../domain/diet.ts'
import type { MealsPerBox, PeoplePerMeal } from '../../domain/plan.ts'
import type { RegionCode } from '../../domain/region.ts'
import type { Taste } from '../../domain/taste.ts'
import type { LoginStore } from './login-store.ts'
import type { SqlDatabase } from './sql-database.ts'

export interface Subscriber {
  readonly userId: number
  readonly name: string
  readonly diet: Diet
  readonly allergens: readonly Allergen[]
  readonly region: RegionCode
  readonly meals: MealsPerBox
  readonly people: PeoplePerMeal
  readonly taste: Taste
  readonly lastOrderNumber: number
}

/** Subscribers and their sessions. */
export interface SubscriberStore {
  find(userId: number): Promise<Subscriber | undefined>
  credentials(email: string): Promise<{ readonly userId: number; readonly passwordHash: string } | undefined>
  /** Keeps a new session, and forgets those of the subscriber that have expired. */
  openSession(session: { userId: number; tokenHash: Buffer; expiresAtMs: number; nowMs: number }): Promise<void>
  /** Whose session this is; undefined if there is none, or it has expired. */
  bySession(userId: number, tokenHash: Buffer, nowMs: number): Promise<Subscriber | undefined>
}

const SUBSCRIBER_COLUMNS = [
  'subscriber.user_id as userId',
  'subscriber.name',
  'subscriber.diet',
  'subscriber.allergens',
  'subscriber.region',
  'subscriber.meals',
  'subscriber.people',
  'subscriber.taste',
  'subscriber.last_order_number as lastOrderNumber',
] as const

/**
 * Subscribers and sessions in PostgreSQL.
 *
 * @param of where the rows of a subscriber are
 * @param logins who has which address, where they are on shards
 */
export function subscriberStore(
  of: (userId: number) => Pick<SqlDatabase<OrderTables>, 'db'>,
  logins?: LoginStore,
): SubscriberStore {
  return {
    find: (userId) =>
      of(userId)
        .db.selectFrom('subscriber')
        .where('user_id', '=', userId)
        .select(SUBSCRIBER_COLUMNS)
        .executeTakeFirst(),
    async credentials(email) {
      const address = email.toLowerCase()
      // Without shards everybody is in one place.
      const userId = logins === undefined ? 0 : await logins.userIdOf(address)
      if (userId === undefined) return undefined
      return of(userId)
        .db.selectFrom('subscriber')
        .where('email', '=', address)
        .select(['user_id as userId', 'password_hash as passwordHash'])
        .executeTakeFirst()
    },
    async openSession({ userId, tokenHash, expiresAtMs, nowMs }) {
      await of(userId)
        .db.with('expired', (query) =>
          query.deleteFrom('session').where('user_id', '=', userId).where('expires_at', '<=', new Date(nowMs)),
        )
        .insertInto('session')
        .values({ user_id: userId, token_hash: tokenHash, expires_at: new Date(expiresAtMs) })
        .execute()
    },
    bySession: (userId, tokenHash, nowMs) =>
      of(userId)
        .db.selectFrom('session')
        .innerJoin('subscriber', 'subscriber.user_id', 'session.user_id')
        .where('session.user_id', '=', userId)
        .where('session.token_hash', '=', tokenHash)
        .where('session.expires_at', '>', new Date(nowMs))
        .select(SUBSCRIBER_COLUMNS)
        .executeTakeFirst(),
  }
}
