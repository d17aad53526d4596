import type { Generated } from 'kysely'
import type { Allergen } from '../domain/allergen.ts'
import type { Diet } from '../domain/diet.ts'
import type { Cents } from '../domain/money.ts'
import type { MealsPerBox, PeoplePerMeal } from '../domain/plan.ts'
import type { RegionCode } from '../domain/region.ts'
import type { Week } from '../domain/week.ts'

/** What `migrations/catalog` creates. */
export interface CatalogTables {
  ingredient: {
    ingredient_id: Generated<number>
    name: string
    diet: Diet
    allergens: Allergen[]
    kcal_per_100g: number
  }
  recipe: {
    recipe_id: Generated<number>
    name: string
    cuisine: string
    diet: Diet
    allergens: Allergen[]
    minutes: number
    kcal: number
    protein_grams: number
    surcharge_cents: Cents
    taste: number[]
  }
  recipe_ingredient: { recipe_id: number; ingredient_id: number; grams_per_serving: number }
  menu: { menu_number: number; position: number; recipe_id: number }
  ordered_together: { recipe_id: number; other_id: number; times: number }
}

/** What `migrations/orders` creates. */
export interface OrderTables {
  subscriber: {
    user_id: Generated<number>
    email: string
    name: string
    password_hash: string
    diet: Diet
    allergens: Allergen[]
    region: RegionCode
    meals: MealsPerBox
    people: PeoplePerMeal
    taste: number[]
    signed_up_at: Generated<Date>
    last_order_number: Generated<number>
  }
  session: { user_id: number; token_hash: Buffer; expires_at: Date }
  order: {
    user_id: number
    order_number: number
    placed_at: Date
    delivery_week: Week
    slot: string
    meals: MealsPerBox
    people: PeoplePerMeal
    voucher: string | null
    reduction_cents: Generated<Cents>
    delivery_cents: Generated<Cents>
    tax_cents: Cents
    total_cents: Cents
    idempotency_key: string | null
    request_hash: Buffer | null
  }
  order_line: {
    user_id: number
    order_number: number
    recipe_id: number
    servings: number
    total_cents: Cents
    tax_cents: Cents
  }
  rating: { user_id: number; recipe_id: number; stars: number; rated_at: Date }
  delivery_slot: { region: RegionCode; delivery_week: Week; slot: string; capacity: number; taken: number }
}

/** What `migrations/shared` creates: what subscribers share, where their own rows are on shards. */
export interface SharedTables extends Pick<OrderTables, 'delivery_slot'> {
  login: { email: string; user_id: number }
  slot_place: { user_id: number; idempotency_key: string }
}
