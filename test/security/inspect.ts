/**
 * Searches for secrets on Deno and on Bun, with the runtime's own inspection. Prints each leak, and
 * how many calls it made.
 *
 * @module
 */
import * as Effect from "effect/Effect"
import { failures, run } from "./failures.ts"
import { type Inspect, renderRun, renderValue } from "./renderings.ts"
import { leakIn, tokens } from "./secrets.ts"
import { sendingExports } from "./sendingExports.ts"

const runtime = "Deno" in globalThis ? "Deno" : "Bun"

// Both document an inspect of this type.
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

// A search that cannot find a known token would find no leak either.
const found = renderValue("it", { deep: { in: [tokens.apiKey] } }, inspectors)
  .filter(([, text]) => leakIn(text) !== undefined).length
if (found < 3) throw new Error(`the search finds the token in ${found} of 3 renderings`)

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
