import { describe, expect, it } from "@effect/vitest"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as fc from "fast-check"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ApiKeyId } from "../../src/ApiKey.ts"
import { formatMarked, type Mark, parseMarked } from "../../src/lifecycle/mark.ts"
import { apiKeyIdOf } from "../../src/mod.ts"
import { root } from "../tool.ts"

const id = "CCDB1_12345abcdefGHIJKLMnopq"

const nonce = fc.stringMatching(/^[a-z0-9]{8}$/)
const mark: fc.Arbitrary<Mark> = fc.oneof(
  nonce.map((nonce): Mark => ({ _tag: "Once", nonce })),
  nonce.map((nonce): Mark => ({ _tag: "First", nonce })),
  fc.tuple(nonce, fc.integer({ min: 0, max: 253402300799 })).map(([nonce, second]): Mark => ({
    _tag: "Expires",
    at: second * 1000,
    nonce,
  })),
  fc.tuple(nonce, fc.oneof(fc.constant(id), fc.string({ unit: "grapheme", minLength: 1 })))
    .map(([nonce, predecessor]): Mark => ({
      _tag: "Rotates",
      predecessor: ApiKeyId(predecessor),
      nonce,
    })),
)
const name = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.tuple(fc.string(), mark).map(([name, mark]) => formatMarked(name, mark)),
)

describe("a mark", () => {
  it.each<readonly [Mark, string]>([
    [{ _tag: "Once", nonce: "1a2b3c4d" }, "billing [once 1a2b3c4d]"],
    [{ _tag: "First", nonce: "1a2b3c4d" }, "billing [first 1a2b3c4d]"],
    [
      { _tag: "Expires", at: Date.UTC(2026, 0, 1) - 999, nonce: "1a2b3c4d" },
      "billing [expires 2026-01-01T00:00:00Z 1a2b3c4d]",
    ],
    [
      { _tag: "Rotates", predecessor: ApiKeyId(id), nonce: "1a2b3c4d" },
      `billing [rotates ${id} 1a2b3c4d]`,
    ],
  ])("of kind %o reads %s", (mark, text) => {
    expect(formatMarked("billing", mark)).toBe(text)
  })

  it.each<readonly [string, RegExp, Mark]>([
    [
      "rotation/rotateApiKey.ts",
      /(\d+) characters longer/,
      { _tag: "Rotates", predecessor: ApiKeyId(id), nonce: "1a2b3c4d" },
    ],
    [
      "README.md",
      /room for the mark, (\d+) characters/,
      { _tag: "Rotates", predecessor: ApiKeyId(id), nonce: "1a2b3c4d" },
    ],
    [
      "temporaryApiKey.ts",
      /(\d+) characters longer/,
      { _tag: "Expires", at: Date.UTC(2026, 0, 1), nonce: "1a2b3c4d" },
    ],
  ])("is as long as %s says", (file, stated, mark) => {
    const text = readFileSync(join(root, "src/lifecycle", file), "utf8")
    expect(formatMarked("", mark).length).toBe(Number(stated.exec(text)?.[1]))
  })

  it("can be read behind any name, even a marked one", () => {
    fc.assert(fc.property(name, mark, (name, mark) => {
      expect(parseMarked(formatMarked(name, mark))).toEqual({ name, mark: Option.some(mark) })
    }))
  })

  it("is found only in its exact form", () => {
    fc.assert(fc.property(name, (text) => {
      const { mark, name } = parseMarked(text)
      expect(Option.match(mark, {
        onNone: () => name,
        onSome: (mark) => formatMarked(name, mark),
      })).toBe(text)
    }))
  })

  it.each([
    "billing",
    "billing [once]",
    "billing [once 1a2b3c4]",
    "billing [once 1A2B3C4D]",
    "billing [once x 1a2b3c4d]",
    "billing[once 1a2b3c4d]",
    "billing [once 1a2b3c4d] ",
    "billing [rotates 1a2b3c4d]",
    "billing [rotates \ud800 1a2b3c4d]",
    "billing [rotates Schlüssel 1a2b3c4d]",
    `billing [rotates ${id}]`,
    `billing [rotates  ${id} 1a2b3c4d]`,
    "billing [rotates %zz 1a2b3c4d]",
    "billing [expires soon 1a2b3c4d]",
    "billing [expires 2026-01-01 1a2b3c4d]",
    "billing [expires 2026-01-01T00:00:00.000Z 1a2b3c4d]",
    "billing [expires 2026-02-31T00:00:00Z 1a2b3c4d]",
    "[once 1a2b3c4d]",
  ])("is not found in %j", (name) => {
    expect(parseMarked(name)).toEqual({ name, mark: Option.none() })
  })
})

describe("a secret", () => {
  it.each([id, "CCDB12_1a"])("starts with its key's id: %s", (id) => {
    expect(apiKeyIdOf(Redacted.make(`${id}_NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K`)))
      .toEqual(Option.some(id))
  })

  it.each([
    "",
    id,
    `${id}_`,
    `${id}_abc\n`,
    "eyJhbGciOi_J9.eyJzdWIi.c2ln_bmF0dXJl",
    "hunter2_hunter2",
    `x${id}_abc`,
  ])("in another form has no id: %j", (secret) => {
    expect(apiKeyIdOf(Redacted.make(secret))).toEqual(Option.none())
  })
})
