/** As much of curl as the pages need: `-s`, `-i`, `-X METHOD`, `-H 'name: value'` and a URL. */
const options = process.argv.slice(2)
let method = 'GET'
let isWithHead = false
const headers = new Headers()
for (let option = options.shift(); option !== undefined; option = options.shift()) {
  if (option === '-X') method = options.shift() ?? method
  else if (option === '-H') {
    const [name = '', value = ''] = (options.shift() ?? '').split(/:\s*/, 2)
    headers.set(name, value)
  } else if (option === '-i' || option === '-si') isWithHead = true
  else if (!option.startsWith('-')) await print(await fetch(option, { method, headers }))
}

async function print(response: Response): Promise<void> {
  if (isWithHead) {
    const lines = [...response.headers].map(([name, value]) => `${name}: ${value}`)
    process.stdout.write(`HTTP/1.1 ${response.status} ${response.statusText}\n${lines.join('\n')}\n\n`)
  }
  process.stdout.write(await response.text())
}
