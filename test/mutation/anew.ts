/**
 * Runs before each test file of a mutation run, and reloads the module's sources. So a mutant is
 * active from their first line on, although the thread keeps running with Effect loaded.
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
    /** `"static"` if Stryker's set-up has already activated a mutant. */
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

// Effect keeps these between files: metrics, and the defaults of References.
const kept = (id: unknown) =>
  GlobalValue.globalValue<unknown>(id, () => {
    throw new Error(`Effect keeps ${String(id)} elsewhere`)
  })
// These two have the types of Effect's internal modules.
const metrics = kept(Symbol.for("effect/Metric/globalMetricRegistry")) as {
  readonly map: MutableHashMap.MutableHashMap<unknown, unknown>
}
const defaults = kept("effect/Context/defaultValueCache") as Map<string, unknown>
MutableHashMap.clear(metrics.map)
defaults.clear()
