import { it } from "vitest"

// A mutant that keeps the module from being loaded would else fail no test: there is none yet.
it("the module can be loaded", () => import("../../src/mod.ts"))
