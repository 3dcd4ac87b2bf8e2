import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeyId } from "../../src/ApiKey.ts"
import { makeFollowing } from "../../src/lifecycle/followingCredentials.ts"

const secretOf = (letter: string) => Redacted.make(`CCDB1_${letter}_x`)
const idOf = (letter: string) => ApiKeyId(`CCDB1_${letter}`)

/** The token in use after each of these keys is replaced by its successor. */
const tokenAfter = (
  token: Redacted.Redacted<string>,
  replacements: ReadonlyArray<readonly [string, string]>,
) =>
  Effect.gen(function* () {
    const { credentials, replace } = yield* makeFollowing({
      token,
      vanityName: Option.none(),
      username: Option.none(),
      baseUrl: "https://cockroachlabs.cloud",
    })
    for (const [old, successor] of replacements) yield* replace(idOf(old), secretOf(successor))
    return Redacted.value(
      Effect.isEffect(credentials.token) ? yield* credentials.token : credentials.token,
    )
  })

describe("credentials that follow a rotation", () => {
  it.effect.each<readonly [string, string, ReadonlyArray<readonly [string, string]>, string]>([
    ["go on with the successor", "a", [["a", "b"]], "b"],
    ["go on with the successor's successor", "a", [["a", "b"], ["b", "c"]], "c"],
    ["stay as they are if another key is replaced", "a", [["x", "b"]], "a"],
    ["go back if the store does", "a", [["a", "b"], ["b", "a"]], "a"],
    ["go round if the store does", "a", [["a", "b"], ["b", "c"], ["c", "b"]], "b"],
    ["stay as they are if a key replaces itself", "a", [["a", "a"]], "a"],
  ])("%s", ([, token, replacements, expected]) =>
    Effect.gen(function* () {
      expect(yield* tokenAfter(secretOf(token), replacements))
        .toBe(Redacted.value(secretOf(expected)))
    }))

  it.effect("stay as they are if they hold a JWT", () =>
    Effect.gen(function* () {
      expect(yield* tokenAfter(Redacted.make("a.b.c"), [["a", "b"]])).toBe("a.b.c")
    }))
})
