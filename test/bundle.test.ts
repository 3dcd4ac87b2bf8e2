import { beforeAll, describe, expect, it } from "vitest"
import { type Bundle, bundle } from "./bench/bundle.ts"

/** Bytes, minified and compressed. Sizes do not vary, so that a change of one is somebody's doing. */
const today = { oneEndpoint: 14_000, wholeModule: 32_400 }

const inKilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

const bundles: Record<string, Bundle> = {}

beforeAll(async () => {
  for (const program of ["effectAlone", "oneEndpoint", "wholeModule"]) {
    bundles[program] = await bundle(program)
  }
})

const overEffect = (program: string) =>
  (bundles[program]?.size ?? NaN) - (bundles["effectAlone"]?.size ?? NaN)

const filesOf = (program: string) => bundles[program]?.files ?? []

describe("what the module adds to a bundle that gets and decodes one key with Effect", () => {
  it(`is, for a program of one endpoint, no more than today's ${inKilobytes(today.oneEndpoint)}`, () => {
    expect(overEffect("oneEndpoint")).toBeLessThanOrEqual(today.oneEndpoint)
  })

  it(`is, for all of the module, no more than today's ${inKilobytes(today.wholeModule)}`, () => {
    expect(overEffect("wholeModule")).toBeLessThanOrEqual(today.wholeModule)
  })
})

describe("a program of one endpoint", () => {
  it("has that endpoint, and neither the others nor lifecycle, throttle or emulator", () => {
    const files = filesOf("oneEndpoint")
    expect(files).toContain("src/endpoints/getApiKey.ts")
    expect(
      files.filter((file) =>
        /^src\/(?:emulator|lifecycle)\//.test(file) ||
        /^src\/transport\/(?:buckets|throttle|token)/i.test(file) ||
        file.startsWith("src/endpoints/") && file !== "src/endpoints/getApiKey.ts"
      ),
    ).toEqual([])
  })

  it("decodes without a Schema of the models", () => {
    expect(filesOf("wholeModule")).toContain("src/ApiKey.ts")
    expect(filesOf("oneEndpoint")).not.toContain("src/ApiKey.ts")
  })
})

it("all of the module holds nothing of the emulator", () => {
  expect(filesOf("wholeModule").filter((file) => file.startsWith("src/emulator/"))).toEqual([])
})
