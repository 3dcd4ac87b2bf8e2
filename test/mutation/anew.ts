/**
 * Runs before each test file of a mutation run: this module's sources are loaded anew, so that each
 * mutant is in force or not from their first line on, while the thread, and Effect in it, stays.
 *
 * @module
 */
import { inject, vi } from "vitest"

declare module "vitest" {
  interface ProvidedContext {
    readonly globalNamespace: "__stryker__"
    /** When Stryker's own set-up has put a mutant in force already. */
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
