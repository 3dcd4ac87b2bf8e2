import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import * as Emulator from "../../src/emulator/mod.ts"
import { keys } from "./call.ts"

const run = promisify(execFile)

const root = fileURLToPath(new URL("../..", import.meta.url))

describe("the web handler", () => {
  it.effect("answers a Request with a Response", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make()
      const answer = yield* Effect.promise(() =>
        emulator.webHandler(
          new Request(`http://localhost${keys}`, {
            headers: { authorization: `Bearer ${Redacted.value(emulator.admin.secret)}` },
          }),
        )
      )
      expect(answer.status).toBe(200)
      expect(yield* Effect.promise(() => answer.json())).toHaveProperty("api_keys.length", 3)
    }))

  it.effect("breaks a connection by a body that fails", () =>
    Effect.gen(function* () {
      const emulator = yield* Emulator.make({ faults: [{ fault: { _tag: "DropBefore" } }] })
      const answer = yield* Effect.promise(() =>
        emulator.webHandler(new Request(`http://localhost${keys}`))
      )
      yield* Effect.flip(Effect.tryPromise(() => answer.text()))
    }))

  for (
    const [runtime, options] of [
      ["deno", ["run", "--allow-all", "--no-check"]],
      ["bun", ["run"]],
    ] as const
  ) {
    it(`breaks off real connections on ${runtime}, before and after acting and in a body`, async () => {
      const { stdout } = await run(
        `${root}node_modules/.bin/${runtime}`,
        [...options, "test/emulator/serveWeb.ts"],
        { cwd: root },
      )
      expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual([
        "answered, 1 made",
        "broken off, 0 made",
        "broken off, 1 made",
        "broken off, 1 made",
        "answered, 1 made",
      ])
    })
  }
})
