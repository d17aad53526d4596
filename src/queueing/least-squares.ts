/**
 * Solves a small system of linear equations by elimination with pivoting; undefined where it has no single solution.
 *
 * @param matrix square, by rows; left as it is
 */
export function solveLinear(matrix: readonly (readonly number[])[], right: readonly number[]): number[] | undefined {
  const rows = matrix.map((row, i) => [...row, right[i] as number])
  const size = rows.length
  for (let column = 0; column < size; column++) {
    let pivot = column
    for (let row = column + 1; row < size; row++) {
      if (Math.abs(at(rows, row, column)) > Math.abs(at(rows, pivot, column))) pivot = row
    }
    if (!(Math.abs(at(rows, pivot, column)) > 1e-300)) return undefined
    ;[rows[column], rows[pivot]] = [rows[pivot] as number[], rows[column] as number[]]
    for (let row = 0; row < size; row++) {
      if (row === column) continue
      const factor = at(rows, row, column) / at(rows, column, column)
      for (let k = column; k <= size; k++) (rows[row] as number[])[k] = at(rows, row, k) - factor * at(rows, column, k)
    }
  }
  return rows.map((row, i) => (row[size] as number) / (row[i] as number))
}

/** A model to fit: a value and its derivatives at a point, for given parameters. */
export type Model = (point: number, parameters: readonly number[]) => { value: number; gradient: readonly number[] }

/**
 * Fits a model to points by least squares, parameters not below 0 (Levenberg and Marquardt, each step projected onto the
 * bounds). Finds the nearest minimum: start from several places. At most 100 steps.
 */
export function fitNonNegative(
  model: Model,
  points: readonly (readonly [x: number, y: number])[],
  start: readonly number[],
): { parameters: readonly number[]; squares: number } {
  let parameters = start
  let squares = squaresOf(model, points, parameters)
  let damping = 1e-3
  for (let step = 0; step < 100 && damping < 1e12; step++) {
    const next = stepFrom(model, points, parameters, damping)
    const nextSquares = next === undefined ? Number.POSITIVE_INFINITY : squaresOf(model, points, next)
    if (next === undefined || !(nextSquares < squares)) {
      damping *= 8
      continue
    }
    const isDone = squares - nextSquares <= 1e-14 * squares
    parameters = next
    squares = nextSquares
    damping = Math.max(1e-12, damping / 8)
    if (isDone) break
  }
  return { parameters, squares }
}

function stepFrom(
  model: Model,
  points: readonly (readonly [number, number])[],
  parameters: readonly number[],
  damping: number,
): readonly number[] | undefined {
  const size = parameters.length
  const matrix = Array.from({ length: size }, () => Array.from({ length: size }, () => 0))
  const right = Array.from({ length: size }, () => 0)
  for (const [x, y] of points) {
    const { value, gradient } = model(x, parameters)
    for (let i = 0; i < size; i++) {
      right[i] = (right[i] as number) + (gradient[i] as number) * (y - value)
      for (let j = 0; j < size; j++) {
        ;(matrix[i] as number[])[j] = at(matrix, i, j) + (gradient[i] as number) * (gradient[j] as number)
      }
    }
  }
  for (let i = 0; i < size; i++) {
    // What sits on its bound and is pushed further out stays there, and does not bend the step of the others.
    if (parameters[i] === 0 && (right[i] as number) <= 0) {
      for (let j = 0; j < size; j++) (matrix[i] as number[])[j] = (matrix[j] as number[])[i] = 0
      right[i] = 0
      ;(matrix[i] as number[])[i] = 1
    }
    ;(matrix[i] as number[])[i] = at(matrix, i, i) * (1 + damping)
  }
  return solveLinear(matrix, right)?.map((change, i) => Math.max(0, (parameters[i] as number) + change))
}

function squaresOf(
  model: Model,
  points: readonly (readonly [number, number])[],
  parameters: readonly number[],
): number {
  return points.reduce((sum, [x, y]) => sum + (y - model(x, parameters).value) ** 2, 0)
}

function at(rows: readonly (readonly number[])[], row: number, column: number): number {
  return rows[row]?.[column] as number
}
