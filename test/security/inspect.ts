/**
 * The search for secrets on Deno and on Bun, with the inspection of each. Prints what leaked, and
 * how many calls were made.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import { failures, run } from "./failures.ts"
import { type Inspect, renderRun, renderValue } from "./renderings.ts"
import { leakIn, tokens } from "./secrets.ts"
import { sendingExports } from "./sendingExports.ts"

const runtime = "Deno" in globalThis ? "Deno" : "Bun"

// Both have an inspect of this shape, as their documentation says.
const native = Reflect.get(globalThis, runtime) as {
  readonly inspect: (value: unknown, options: object) => string
}

const inspectNatively: Inspect = (value) =>
  native.inspect(value, {
    depth: Infinity,
    showHidden: true,
    showProxy: true,
    getters: true,
    iterableLimit: Infinity,
    strAbbreviateSize: Infinity,
  })

const inspectors = { [`${runtime}.inspect`]: inspectNatively }

// What is not there to be found would be found nowhere.
const found = renderValue("it", { deep: { in: [tokens.apiKey] } }, inspectors)
  .filter(([, text]) => leakIn(text) !== undefined).length
if (found < 3) throw new Error(`of the 3 renderings that hold the token, ${found} are found to`)

let calls = 0
for (const [name, call] of Object.entries(sendingExports)) {
  for (const failure of failures) {
    const { renderings } = await Effect.runPromise(
      renderRun(run(call, failure, tokens.apiKey), inspectors),
    )
    calls++
    for (const [where, text] of renderings) {
      if (failure.isData && /\bvalue\b/.test(where)) continue
      const leak = leakIn(text)
      if (leak !== undefined) console.log(`${name}, ${failure.name}: ${leak} in ${where}`)
    }
  }
}
console.log(`${calls} calls on ${runtime}`)
