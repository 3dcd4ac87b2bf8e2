/**
 * Runs before each test file of a mutation run: this module's sources are loaded anew, so that each
 * mutant is in force or not from their first line on, while the thread, and Effect in it, stays.
 *
 * @module
 */
import "effect/Context"
import * as GlobalValue from "effect/GlobalValue"
import "effect/Metric"
import * as MutableHashMap from "effect/MutableHashMap"
import { inject, vi } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    readonly globalNamespace: "__stryker__"
    /** `"static"` where Stryker's own set-up has put a mutant in force already. */
    readonly mutantActivation: "static" | "runtime" | undefined
  }
}

const stryker: { activeMutant?: unknown; mutantCoverage?: unknown } = Reflect.get(
  globalThis,
  inject("globalNamespace"),
)
if (inject("mutantActivation") !== "static") delete stryker.activeMutant
delete stryker.mutantCoverage
vi.resetModules()

// What Effect keeps of us from one file to the next: what was measured, and the References' defaults.
const kept = (id: unknown) =>
  GlobalValue.globalValue<unknown>(id, () => {
    throw new Error(`Effect keeps ${String(id)} elsewhere`)
  })
// The types of these two are those of Effect's internal modules.
const metrics = kept(Symbol.for("effect/Metric/globalMetricRegistry")) as {
  readonly map: MutableHashMap.MutableHashMap<unknown, unknown>
}
const defaults = kept("effect/Context/defaultValueCache") as Map<string, unknown>
MutableHashMap.clear(metrics.map)
defaults.clear()
