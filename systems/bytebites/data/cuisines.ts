/** A dish that is cooked with one of several heroes; `{hero}` in the name is replaced. */
export interface Dish {
  readonly name: string
  readonly minutes: number
  /** Besides the hero and a vegetable. */
  readonly base: readonly string[]
  readonly heroes: readonly string[]
}

export interface Cuisine {
  readonly name: string
  /** Each recipe gets one of them, in turn, and it stands in the name. */
  readonly vegetables: readonly string[]
  readonly dishes: readonly Dish[]
}

/** Dishes that are vegan without their hero, so that the hero decides who eats them. */
export const CUISINES: readonly Cuisine[] = [
  cuisine('Italian', 'courgette:spinach:cherry tomatoes:peppers:fennel:asparagus', [
    [
      '{hero} Pasta Arrabbiata',
      25,
      'pasta:passata:chilli:garlic:basil',
      'chicken:prawns:tuna:mozzarella:aubergine:white beans',
    ],
    [
      '{hero} Risotto',
      35,
      'risotto rice:white wine:garlic:parsley',
      'chicken:salmon:prawns:goat cheese:mushrooms:butternut squash',
    ],
    [
      'Baked {hero} Gnocchi',
      30,
      'gnocchi:passata:basil:red onion',
      'chorizo:chicken:mozzarella:ricotta:mushrooms:white beans',
    ],
    [
      '{hero} on Creamy Polenta',
      30,
      'polenta:rosemary:garlic:olive oil',
      'beef:sea bass:parmesan:egg:mushrooms:lentils',
    ],
    ['{hero} Puttanesca', 30, 'potatoes:passata:olives:capers:garlic', 'cod:tuna:chicken:feta:aubergine:chickpeas'],
  ]),
  cuisine('Thai', 'pak choi:sugar snaps:green beans:peppers:broccoli', [
    [
      '{hero} Green Curry',
      30,
      'rice:coconut milk:green curry paste:basil:lime',
      'chicken:prawns:cod:egg:tofu:aubergine',
    ],
    [
      '{hero} Red Curry',
      30,
      'rice:coconut milk:red curry paste:coriander',
      'duck:beef:salmon:paneer:sweet potato:cauliflower',
    ],
    [
      '{hero} Pad Thai',
      25,
      'rice noodles:tamarind:peanuts:spring onion:lime',
      'chicken:prawns:egg:tofu:smoked tofu:oyster mushrooms',
    ],
    ['Thai Basil {hero}', 20, 'rice:tamari:basil:chilli:garlic', 'minced beef:pork:turkey:prawns:egg:tofu:mushrooms'],
    [
      '{hero} Coconut Soup',
      25,
      'coconut milk:lemongrass:ginger:lime:glass noodles',
      'chicken:prawns:salmon:egg:oyster mushrooms:chickpeas',
    ],
  ]),
  cuisine('Indian', 'spinach:cauliflower:peas:green beans:carrots', [
    [
      '{hero} Tikka Masala',
      35,
      'rice:passata:garam masala:coconut milk:coriander',
      'chicken:lamb:cod:paneer:chickpeas:cauliflower',
    ],
    ['{hero} Dal', 30, 'lentils:turmeric:cumin:ginger:rice', 'chicken:salmon:egg:paneer:sweet potato:mushrooms'],
    ['{hero} Korma', 35, 'rice:cashews:curry powder:coconut milk', 'chicken:lamb:prawns:paneer:butternut squash:tofu'],
    ['{hero} Madras', 35, 'brown rice:curry powder:chilli:passata:garlic', 'beef:pork:cod:egg:chickpeas:aubergine'],
    [
      '{hero} Naan Wraps',
      25,
      'naan:garam masala:red onion:cucumber:mint',
      'turkey:lamb:salmon:halloumi:paneer:chickpeas',
    ],
  ]),
  cuisine('Mexican', 'sweetcorn:peppers:red cabbage:cherry tomatoes:avocado', [
    ['{hero} Tacos', 20, 'corn tortillas:lime:coriander:red onion', 'pork:beef:prawns:halloumi:black beans:jackfruit'],
    [
      '{hero} Burritos',
      25,
      'flour tortillas:rice:kidney beans:chipotle',
      'chicken:minced beef:cod:cheddar:sweet potato:tempeh',
    ],
    [
      '{hero} Chilli',
      35,
      'rice:kidney beans:passata:cumin:chipotle',
      'minced beef:turkey:tuna:cheddar:lentils:jackfruit',
    ],
    ['{hero} Quinoa Bowl', 25, 'quinoa:black beans:lime:coriander', 'chicken:salmon:prawns:feta:sweet potato:avocado'],
    [
      'Smoky {hero} Fajitas',
      25,
      'corn tortillas:smoked paprika:lime:red onion',
      'chicken:turkey:cod:halloumi:mushrooms:cauliflower',
    ],
  ]),
  cuisine('Japanese', 'edamame:pak choi:broccoli:cucumber:carrots', [
    ['{hero} Teriyaki', 25, 'rice:tamari:maple syrup:ginger:sesame seeds', 'chicken:beef:salmon:egg:tofu:aubergine'],
    ['{hero} Ramen', 35, 'ramen noodles:miso:spring onion:garlic', 'pork:duck:prawns:egg:tofu:mushrooms'],
    [
      '{hero} Udon',
      20,
      'udon noodles:soy sauce:ginger:spring onion',
      'beef:chicken:tuna:egg:smoked tofu:oyster mushrooms',
    ],
    ['{hero} Donburi', 25, 'rice:coconut aminos:ginger:spring onion', 'chicken:pork:tuna:egg:mushrooms:sweet potato'],
    ['Miso-Glazed {hero}', 30, 'brown rice:miso:lime:sesame seeds', 'cod:salmon:duck:halloumi:aubergine:cauliflower'],
  ]),
  cuisine('Korean', 'pak choi:carrots:cucumber:spinach:red cabbage', [
    ['{hero} Bibimbap', 30, 'rice:gochujang:sesame seeds:spring onion', 'beef:chicken:salmon:egg:tofu:mushrooms'],
    ['Gochujang {hero}', 30, 'rice noodles:gochujang:garlic:lime', 'pork:chicken:prawns:egg:cauliflower:tempeh'],
    [
      '{hero} Japchae',
      25,
      'glass noodles:tamari:garlic:sesame seeds',
      'beef:pork:prawns:egg:oyster mushrooms:smoked tofu',
    ],
  ]),
  cuisine('Middle Eastern', 'aubergine:cherry tomatoes:cucumber:carrots:beetroot', [
    ['{hero} Shawarma', 25, 'pita bread:cumin:red onion:parsley', 'chicken:lamb:cod:halloumi:cauliflower:chickpeas'],
    ['{hero} with Tahini', 30, 'bulgur:tahini:lemon:mint', 'lamb:salmon:turkey:feta:aubergine:chickpeas'],
    ['{hero} Pilaf', 35, 'rice:apricots:almonds:turmeric', 'chicken:lamb:prawns:feta:butternut squash:lentils'],
    ['{hero} Shakshuka', 25, 'passata:peppers:cumin:parsley:potatoes', 'egg:feta:chorizo:cod:white beans:chickpeas'],
    ['{hero} Mezze Bowl', 20, 'quinoa:olives:lemon:parsley', 'turkey:tuna:halloumi:feta:chickpeas:lentils'],
  ]),
  cuisine('Moroccan', 'courgette:carrots:peppers:spinach:butternut squash', [
    ['{hero} Tagine', 40, 'couscous:ras el hanout:apricots:coriander', 'lamb:chicken:cod:halloumi:chickpeas:aubergine'],
    ['Harissa {hero}', 30, 'potatoes:harissa:lemon:parsley', 'chicken:sea bass:prawns:feta:cauliflower:sweet potato'],
    ['{hero} Harira', 35, 'lentils:passata:turmeric:ginger:lemon', 'lamb:beef:egg:chickpeas:white beans:mushrooms'],
  ]),
  cuisine('French', 'green beans:asparagus:fennel:kale:peas', [
    [
      '{hero} Provençal',
      30,
      'potatoes:tomatoes:thyme:garlic:olives',
      'chicken:cod:lamb:goat cheese:white beans:aubergine',
    ],
    ['{hero} with Mustard Sauce', 30, 'potatoes:mustard:cream:thyme', 'pork:salmon:turkey:egg:mushrooms:lentils'],
    [
      '{hero} Cassoulet',
      40,
      'white beans:thyme:carrots:celery:tomatoes',
      'duck:pork:chorizo:egg:mushrooms:smoked tofu',
    ],
    [
      '{hero} Salade Tiède',
      20,
      'potatoes:walnuts:balsamic vinegar:rocket',
      'bacon:tuna:goat cheese:egg:lentils:beetroot',
    ],
  ]),
  cuisine('Greek', 'cucumber:tomatoes:courgette:spinach:peppers', [
    ['{hero} Souvlaki', 25, 'pita bread:lemon:red onion:parsley', 'pork:chicken:prawns:halloumi:mushrooms:tempeh'],
    ['{hero} Briam', 40, 'potatoes:tomatoes:garlic:dill:olive oil', 'lamb:sea bass:feta:egg:chickpeas:white beans'],
    ['{hero} Orzo', 30, 'pasta:lemon:dill:olives', 'chicken:prawns:cod:feta:aubergine:chickpeas'],
  ]),
  cuisine('Nordic', 'beetroot:cucumber:carrots:kale:asparagus', [
    ['{hero} with Dill Potatoes', 30, 'potatoes:dill:lemon:capers', 'salmon:cod:pork:egg:mushrooms:smoked tofu'],
    [
      '{hero} Barley Bowl',
      30,
      'pearl barley:parsley:pumpkin seeds:lemon',
      'chicken:salmon:goat cheese:egg:mushrooms:beetroot',
    ],
    ['{hero} in Cream Sauce', 30, 'potatoes:cream:thyme:peas', 'minced beef:turkey:cod:egg:mushrooms:cauliflower'],
  ]),
  cuisine('Caribbean', 'pineapple:sweetcorn:kale:peppers:mango', [
    [
      'Jerk {hero}',
      30,
      'rice:kidney beans:jerk seasoning:lime:coconut milk',
      'chicken:pork:prawns:halloumi:jackfruit:cauliflower',
    ],
    [
      '{hero} Coconut Stew',
      35,
      'sweet potato:coconut milk:thyme:chilli',
      'cod:prawns:chicken:egg:black beans:chickpeas',
    ],
    [
      '{hero} Rice and Peas',
      30,
      'brown rice:kidney beans:thyme:spring onion',
      'pork:turkey:sea bass:egg:mushrooms:sweet potato',
    ],
  ]),
  cuisine('American', 'sweetcorn:red cabbage:green beans:kale:cherry tomatoes', [
    [
      '{hero} Burgers',
      25,
      'burger buns:red onion:mustard:potatoes',
      'minced beef:turkey:cod:halloumi:black beans:mushrooms',
    ],
    ['BBQ {hero}', 30, 'potatoes:smoked paprika:maple syrup:passata', 'pork:chicken:salmon:halloumi:jackfruit:tempeh'],
    [
      '{hero} Mac Bake',
      35,
      'pasta:smoked paprika:peas:parsley',
      'bacon:tuna:cheddar:ricotta:cauliflower:butternut squash',
    ],
    ['{hero} Cobb Bowl', 20, 'quinoa:avocado:lemon:pumpkin seeds', 'bacon:turkey:tuna:egg:feta:black beans'],
  ]),
  cuisine('Spanish', 'peppers:spinach:tomatoes:green beans:courgette', [
    [
      '{hero} Paella',
      40,
      'risotto rice:smoked paprika:tomatoes:lemon',
      'chicken:chorizo:prawns:mussels:egg:white beans:mushrooms',
    ],
    ['{hero} Patatas', 30, 'potatoes:smoked paprika:garlic:parsley', 'chorizo:cod:tuna:egg:chickpeas:mushrooms'],
    [
      '{hero} al Ajillo',
      20,
      'rice:garlic:chilli:parsley:olive oil',
      'prawns:chicken:mussels:halloumi:mushrooms:cauliflower',
    ],
  ]),
  cuisine('Vietnamese', 'carrots:cucumber:pak choi:sugar snaps:red cabbage', [
    ['Lemongrass {hero}', 25, 'rice noodles:lemongrass:lime:mint', 'chicken:pork:beef:prawns:egg:tofu:sweet potato'],
    ['{hero} Pho', 35, 'rice noodles:ginger:coriander:spring onion', 'beef:chicken:prawns:egg:mushrooms:smoked tofu'],
    ['Caramel {hero}', 30, 'rice:coconut aminos:maple syrup:ginger', 'pork:salmon:cod:egg:tempeh:cauliflower'],
  ]),
]

type DishRow = readonly [name: string, minutes: number, base: string, heroes: string]

function cuisine(name: string, vegetables: string, dishes: readonly DishRow[]): Cuisine {
  return {
    name,
    vegetables: vegetables.split(':'),
    dishes: dishes.map(([dish, minutes, base, heroes]) => ({
      name: dish,
      minutes,
      base: base.split(':'),
      heroes: heroes.split(':'),
    })),
  }
}
