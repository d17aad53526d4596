import type { SeedContext } from 'tenfold'
import { seededSubscribers } from './subscribers.ts'

/** Fills in who has which address. */
export async function seed(context: SeedContext): Promise<void> {
  context.progress('addresses')
  await context.copy('login', ['email', 'user_id'], logins())
}

function* logins() {
  for (const { email, userId } of seededSubscribers()) yield [email, userId]
}
