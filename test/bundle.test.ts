import { beforeAll, describe, expect, it } from "vitest"
import { type Bundle, bundle, limits } from "./bench/bundle.ts"

const lines = [3, 4] as const
const programs = ["oneEndpoint", "wholeModule"] as const

const bundles = new Map<string, Bundle>()

beforeAll(async () => {
  for (const line of lines) {
    for (const program of programs) bundles.set(`${program} ${line}`, await bundle(program, line))
  }
})

describe.each(lines)("on Effect %s", (line) => {
  const sizeOf = (program: string) => bundles.get(`${program} ${line}`)?.size ?? NaN
  // Effect 4's replacements count as the files that they replace.
  const filesOf = (program: string) =>
    (bundles.get(`${program} ${line}`)?.files ?? []).map((file) =>
      file.replace(/^effect4\/src/, "src")
    )

  it.each(programs)("the bundle of %s, Effect included, keeps to its limit", (program) => {
    expect(sizeOf(program)).toBeLessThanOrEqual(limits[line][program])
  })

  describe("the bundle of a one-endpoint program", () => {
    it("holds no other endpoint, no lifecycle, no throttle and no emulator", () => {
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

    it("holds no Schema of the models", () => {
      expect(filesOf("wholeModule")).toContain("src/ApiKey.ts")
      expect(filesOf("oneEndpoint")).not.toContain("src/ApiKey.ts")
    })
  })

  it("the bundle of the whole module holds nothing of the emulator", () => {
    expect(filesOf("wholeModule").filter((file) => file.startsWith("src/emulator/"))).toEqual([])
  })
})

it("the bundle of a one-endpoint program holds nothing of Effect 4's Schema", () => {
  const schemas = (program: string) =>
    bundles.get(`${program} 4`)?.files.filter((file) => /\/SchemaAST\.js$/.test(file))
  expect(schemas("wholeModule")).toHaveLength(1)
  expect(schemas("oneEndpoint")).toEqual([])
})
