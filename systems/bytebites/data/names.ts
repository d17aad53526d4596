import type { Dice } from './dice.ts'

/** Given and family names that no list of real people was used for: any full name is chance. */
const GIVEN =
  'Ada Alma Amir Anouk Aoife Arun Bela Bruno Carla Cian Clara Dario Dina Elif Elin Emil Enzo Esra Fanny Farid Femke Finn Flora Gita Greta Hana Hugo Ida Ilse Ines Ivo Jana Joana Joris Juno Kaan Karim Kira Lale Lars Lena Levi Lila Lina Luca Mads Maeve Maja Malik Mara Matteo Mila Mira Nadia Nils Nina Noah Nora Nuno Olga Omar Oskar Pia Quinn Rafael Rania Rosa Ruben Sami Sara Selma Silas Sofia Sven Tala Tariq Teo Thea Tiago Tilda Uma Vera Viktor Willem Yara Yusuf Zoe'.split(
    ' ',
  )
const FAMILY_STARTS =
  'Ahl Berg Birk Brun Dahl Eich Falk Feld Gruen Hag Hoff Kamp Kest Lind Mair Nord Ost Quint Rand Reh Sand Stein Tann Ulm Vel Wald Wend Winter Zell'.split(
    ' ',
  )
const FAMILY_ENDS =
  'au bach berg born dorf eck en er feld gaard hof holm horst ing mann meer quist stad stein strand tal wick'.split(' ')

/** A made-up name. */
export function madeUpName(dice: Dice): string {
  return `${dice.pick(GIVEN)} ${dice.pick(FAMILY_STARTS)}${dice.pick(FAMILY_ENDS)}`
}
