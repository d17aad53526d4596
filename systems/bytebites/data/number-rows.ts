/** Many rows of whole numbers in little memory: 4 bytes a number, where an object takes ten times as much. */
export interface NumberRows {
  /** Adds a row; as many numbers as the rows have. */
  push(...row: number[]): void
  readonly count: number
  /** The rows, in the order in which they were added. */
  rows(): Generator<number[]>
}

export function numberRows(width: number): NumberRows {
  let numbers = new Int32Array(width * 1024)
  let used = 0
  return {
    push(...row) {
      if (used + width > numbers.length) {
        const larger = new Int32Array(numbers.length * 2)
        larger.set(numbers)
        numbers = larger
      }
      for (let i = 0; i < width; i++) numbers[used++] = row[i] ?? 0
    },
    get count() {
      return used / width
    },
    *rows() {
      for (let start = 0; start < used; start += width) {
        // Not Array.from, which takes three times as long.
        const row: number[] = []
        for (let i = 0; i < width; i++) row.push(numbers[start + i] ?? 0)
        yield row
      }
    },
  }
}
