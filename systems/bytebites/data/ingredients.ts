import type { Allergen } from '../domain/allergen.ts'
import type { Diet } from '../domain/diet.ts'
import type { Flavour } from '../domain/taste.ts'

/** Something recipes are made of. */
export interface Ingredient {
  readonly name: string
  /** What one serving takes. */
  readonly grams: number
  readonly kcalPer100g: number
  readonly proteinPer100g: number
  readonly diet: Diet
  readonly allergens: readonly Allergen[]
  /** How strongly it tastes of what, 1 to 3. */
  readonly flavours: Flavours
}

type Flavours = Partial<Record<Flavour, number>>

/** Every ingredient, by name. */
export function ingredientsByName(): Map<string, Ingredient> {
  return new Map(INGREDIENTS.map((ingredient) => [ingredient.name, ingredient]))
}

const vegan = of('vegan')
const vegetarian = of('vegetarian')
const fish = of('pescatarian')
const meat = of('omnivore')

export const INGREDIENTS: readonly Ingredient[] = [
  meat('chicken', 150, 165, 31, [], { hearty: 1, umami: 1 }),
  meat('turkey', 150, 135, 29, [], { mild: 1, umami: 1 }),
  meat('beef', 150, 230, 26, [], { hearty: 3, umami: 2 }),
  meat('minced beef', 140, 250, 25, [], { hearty: 3, umami: 2 }),
  meat('pork', 150, 240, 26, [], { hearty: 2, sweet: 1 }),
  meat('lamb', 150, 290, 25, [], { hearty: 3, umami: 1, herby: 1 }),
  meat('duck', 150, 330, 19, [], { hearty: 3, sweet: 1 }),
  meat('chorizo', 70, 450, 24, ['sulphites'], { smoky: 3, spicy: 2, salty: 2 }),
  meat('bacon', 60, 500, 14, [], { smoky: 3, salty: 3 }),
  fish('salmon', 140, 208, 20, ['fish'], { umami: 2, creamy: 1 }),
  fish('cod', 150, 82, 18, ['fish'], { mild: 2, salty: 1 }),
  fish('sea bass', 150, 97, 18, ['fish'], { mild: 2, fresh: 1 }),
  fish('tuna', 130, 130, 28, ['fish'], { umami: 2, hearty: 1 }),
  fish('prawns', 130, 99, 24, ['crustaceans'], { sweet: 1, salty: 1, mild: 1 }),
  fish('mussels', 200, 86, 12, ['molluscs'], { salty: 2, umami: 1 }),
  vegetarian('halloumi', 100, 320, 22, ['milk'], { salty: 3, crunchy: 1 }),
  vegetarian('paneer', 110, 300, 19, ['milk'], { creamy: 2 }),
  vegetarian('feta', 70, 264, 14, ['milk'], { salty: 2, sour: 1 }),
  vegetarian('mozzarella', 90, 280, 22, ['milk'], { creamy: 2, mild: 1 }),
  vegetarian('goat cheese', 70, 300, 19, ['milk'], { creamy: 2, sour: 1 }),
  vegetarian('parmesan', 25, 430, 38, ['milk'], { umami: 3, salty: 2 }),
  vegetarian('cheddar', 50, 400, 25, ['milk'], { umami: 2, salty: 1 }),
  vegetarian('ricotta', 80, 170, 11, ['milk'], { creamy: 3, mild: 1 }),
  vegetarian('egg', 110, 150, 13, ['egg'], { creamy: 1, hearty: 1 }),
  vegetarian('egg noodles', 90, 380, 14, ['gluten', 'egg'], { hearty: 2 }),
  vegetarian('cream', 60, 290, 2, ['milk'], { creamy: 3 }),
  vegetarian('yoghurt', 70, 60, 4, ['milk'], { creamy: 2, sour: 1, fresh: 1 }),
  vegetarian('butter', 20, 720, 1, ['milk'], { creamy: 2 }),
  vegetarian('honey', 15, 304, 0, [], { sweet: 3 }),
  vegan('tofu', 150, 120, 13, ['soy'], { mild: 2 }),
  vegan('smoked tofu', 140, 140, 15, ['soy'], { smoky: 3 }),
  vegan('tempeh', 130, 190, 19, ['soy'], { nutty: 2, bitter: 1 }),
  vegan('chickpeas', 150, 140, 8, [], { nutty: 2, hearty: 1 }),
  vegan('lentils', 140, 116, 9, [], { hearty: 2, nutty: 1 }),
  vegan('black beans', 140, 130, 9, [], { hearty: 2 }),
  vegan('white beans', 140, 120, 8, [], { creamy: 1, hearty: 1 }),
  vegan('kidney beans', 140, 127, 9, [], { hearty: 2 }),
  vegan('jackfruit', 150, 95, 2, [], { sweet: 1, smoky: 1 }),
  vegan('mushrooms', 140, 22, 3, [], { umami: 3 }),
  vegan('oyster mushrooms', 140, 33, 3, [], { umami: 2, mild: 1 }),
  vegan('cauliflower', 180, 25, 2, [], { nutty: 1, mild: 1 }),
  vegan('aubergine', 180, 25, 1, [], { smoky: 1, creamy: 1 }),
  vegan('butternut squash', 180, 45, 1, [], { sweet: 2, creamy: 1 }),
  vegan('sweet potato', 180, 86, 2, [], { sweet: 2, hearty: 1 }),
  vegan('edamame', 100, 121, 12, ['soy'], { fresh: 2, crunchy: 1 }),
  vegan('courgette', 120, 17, 1, [], { mild: 2, fresh: 1 }),
  vegan('spinach', 80, 23, 3, [], { fresh: 2, bitter: 1 }),
  vegan('kale', 80, 49, 4, [], { bitter: 2, crunchy: 1 }),
  vegan('broccoli', 120, 34, 3, [], { fresh: 1, crunchy: 1 }),
  vegan('pak choi', 120, 13, 2, [], { fresh: 2, crunchy: 1 }),
  vegan('green beans', 110, 31, 2, [], { fresh: 1, crunchy: 2 }),
  vegan('sugar snaps', 90, 42, 3, [], { sweet: 1, crunchy: 3 }),
  vegan('asparagus', 120, 20, 2, [], { fresh: 2, bitter: 1 }),
  vegan('peppers', 120, 31, 1, [], { sweet: 2, crunchy: 1 }),
  vegan('tomatoes', 150, 18, 1, [], { fresh: 2, sour: 1, umami: 1 }),
  vegan('cherry tomatoes', 110, 18, 1, [], { sweet: 1, fresh: 2 }),
  vegan('cucumber', 110, 15, 1, [], { fresh: 3, mild: 2 }),
  vegan('carrots', 110, 41, 1, [], { sweet: 2, crunchy: 1 }),
  vegan('beetroot', 120, 43, 2, [], { sweet: 2, bitter: 1 }),
  vegan('fennel', 100, 31, 1, [], { fresh: 2, herby: 1 }),
  vegan('celery', 60, 14, 1, ['celery'], { fresh: 2, crunchy: 2 }),
  vegan('red cabbage', 100, 31, 1, [], { crunchy: 2, sour: 1 }),
  vegan('rocket', 40, 25, 3, [], { bitter: 2, fresh: 1 }),
  vegan('peas', 90, 81, 5, [], { sweet: 2, fresh: 1 }),
  vegan('sweetcorn', 90, 86, 3, [], { sweet: 3, crunchy: 1 }),
  vegan('avocado', 80, 160, 2, [], { creamy: 3, fresh: 1 }),
  vegan('olives', 40, 145, 1, [], { salty: 3, bitter: 1 }),
  vegan('sun-dried tomatoes', 30, 258, 14, ['sulphites'], { umami: 3, sweet: 1 }),
  vegan('apricots', 40, 241, 3, ['sulphites'], { sweet: 3 }),
  vegan('mango', 90, 60, 1, [], { sweet: 3, fresh: 2 }),
  vegan('pineapple', 90, 50, 1, [], { sweet: 2, sour: 2 }),
  vegan('rice', 80, 350, 7, [], { mild: 1 }),
  vegan('brown rice', 80, 360, 8, [], { nutty: 1, hearty: 1 }),
  vegan('risotto rice', 85, 350, 7, [], { creamy: 2 }),
  vegan('rice noodles', 90, 360, 6, [], { mild: 2 }),
  vegan('glass noodles', 80, 350, 0, [], { mild: 2 }),
  vegan('pasta', 100, 355, 13, ['gluten'], { hearty: 2 }),
  vegan('gnocchi', 180, 160, 4, ['gluten'], { hearty: 2, creamy: 1 }),
  vegan('couscous', 80, 360, 13, ['gluten'], { mild: 1, nutty: 1 }),
  vegan('bulgur', 80, 342, 12, ['gluten'], { nutty: 2 }),
  vegan('pearl barley', 80, 352, 10, ['gluten'], { nutty: 1, hearty: 2 }),
  vegan('quinoa', 80, 368, 14, [], { nutty: 2, mild: 1 }),
  vegan('polenta', 80, 360, 8, [], { creamy: 2, sweet: 1 }),
  vegan('potatoes', 250, 77, 2, [], { hearty: 2 }),
  vegan('flour tortillas', 90, 300, 8, ['gluten'], { hearty: 1 }),
  vegan('corn tortillas', 90, 218, 6, [], { sweet: 1, crunchy: 1 }),
  vegan('pita bread', 90, 275, 9, ['gluten'], { hearty: 1 }),
  vegan('burger buns', 80, 280, 9, ['gluten', 'sesame'], { hearty: 2, sweet: 1 }),
  vegan('naan', 90, 290, 9, ['gluten'], { hearty: 1 }),
  vegan('udon noodles', 150, 130, 4, ['gluten'], { hearty: 2 }),
  vegan('ramen noodles', 90, 350, 11, ['gluten'], { hearty: 2 }),
  vegan('coconut milk', 100, 190, 2, [], { creamy: 3, sweet: 1 }),
  vegan('soy sauce', 15, 53, 8, ['soy', 'gluten'], { salty: 3, umami: 3 }),
  vegan('tamari', 15, 60, 10, ['soy'], { salty: 3, umami: 3 }),
  vegan('coconut aminos', 15, 50, 0, [], { salty: 2, umami: 2, sweet: 1 }),
  vegan('miso', 20, 199, 12, ['soy'], { umami: 3, salty: 2 }),
  vegan('gochujang', 20, 220, 5, ['soy'], { spicy: 3, sweet: 1, umami: 1 }),
  vegan('green curry paste', 25, 110, 3, [], { spicy: 3, herby: 2, citrusy: 1 }),
  vegan('red curry paste', 25, 110, 3, [], { spicy: 3, sweet: 1 }),
  vegan('lemongrass', 10, 99, 2, [], { citrusy: 3, fresh: 1 }),
  vegan('ginger', 10, 80, 2, [], { spicy: 1, fresh: 2, citrusy: 1 }),
  vegan('garlic', 8, 149, 6, [], { garlicky: 3 }),
  vegan('chilli', 8, 40, 2, [], { spicy: 3 }),
  vegan('lime', 30, 30, 1, [], { citrusy: 3, sour: 3, fresh: 1 }),
  vegan('lemon', 30, 29, 1, [], { citrusy: 3, sour: 2, fresh: 1 }),
  vegan('orange', 60, 47, 1, [], { citrusy: 2, sweet: 2 }),
  vegan('coriander', 10, 23, 2, [], { herby: 2, fresh: 2 }),
  vegan('basil', 10, 23, 3, [], { herby: 3, fresh: 1 }),
  vegan('parsley', 10, 36, 3, [], { herby: 2, fresh: 1 }),
  vegan('mint', 8, 44, 3, [], { herby: 2, fresh: 3 }),
  vegan('dill', 8, 43, 3, [], { herby: 2, fresh: 1 }),
  vegan('rosemary', 5, 131, 3, [], { herby: 3 }),
  vegan('thyme', 5, 101, 6, [], { herby: 3 }),
  vegan('smoked paprika', 4, 282, 14, [], { smoky: 3, sweet: 1 }),
  vegan('cumin', 4, 375, 18, [], { nutty: 1, smoky: 1, hearty: 1 }),
  vegan('garam masala', 5, 379, 15, [], { spicy: 2, sweet: 1 }),
  vegan('curry powder', 5, 325, 14, [], { spicy: 2, herby: 1 }),
  vegan('turmeric', 4, 312, 10, [], { bitter: 1, hearty: 1 }),
  vegan('harissa', 15, 90, 3, [], { spicy: 3, smoky: 2 }),
  vegan('ras el hanout', 5, 300, 10, [], { sweet: 2, spicy: 1, herby: 1 }),
  vegan('chipotle', 12, 90, 2, [], { spicy: 2, smoky: 3 }),
  vegan('jerk seasoning', 10, 250, 5, [], { spicy: 3, sweet: 1, herby: 1 }),
  vegan('tahini', 25, 595, 17, ['sesame'], { nutty: 3, bitter: 1, creamy: 1 }),
  vegan('sesame seeds', 8, 573, 18, ['sesame'], { nutty: 2, crunchy: 1 }),
  vegan('peanuts', 25, 567, 26, ['peanuts'], { nutty: 3, crunchy: 2 }),
  vegan('cashews', 25, 553, 18, ['nuts'], { nutty: 2, creamy: 1, crunchy: 1 }),
  vegan('almonds', 20, 579, 21, ['nuts'], { nutty: 3, crunchy: 2 }),
  vegan('walnuts', 20, 654, 15, ['nuts'], { nutty: 3, bitter: 1 }),
  vegan('pine nuts', 15, 673, 14, [], { nutty: 2, crunchy: 1 }),
  vegan('pumpkin seeds', 15, 559, 30, [], { nutty: 2, crunchy: 2 }),
  vegan('mustard', 12, 66, 4, ['mustard'], { spicy: 1, sour: 2 }),
  vegan('white wine', 50, 82, 0, ['sulphites'], { sour: 2, fresh: 1 }),
  vegan('balsamic vinegar', 15, 88, 0, ['sulphites'], { sour: 3, sweet: 2 }),
  vegan('maple syrup', 15, 260, 0, [], { sweet: 3 }),
  vegan('tamarind', 15, 239, 3, [], { sour: 3, sweet: 1 }),
  vegan('capers', 12, 23, 2, [], { salty: 3, sour: 2 }),
  vegan('red onion', 60, 40, 1, [], { sweet: 1, crunchy: 1 }),
  vegan('spring onion', 25, 32, 2, [], { fresh: 1, garlicky: 1 }),
  vegan('olive oil', 12, 884, 0, [], { bitter: 1 }),
  vegan('passata', 120, 32, 1, [], { umami: 1, sour: 1, sweet: 1 }),
]

function of(diet: Diet) {
  return (
    name: string,
    grams: number,
    kcalPer100g: number,
    proteinPer100g: number,
    allergens: readonly Allergen[],
    flavours: Flavours,
  ): Ingredient => ({ name, grams, kcalPer100g, proteinPer100g, diet, allergens, flavours })
}
