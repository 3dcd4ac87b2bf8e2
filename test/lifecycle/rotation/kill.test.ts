import * as HttpClient from "@effect/platform/HttpClient"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { Emulator } from "../../../src/emulator/mod.ts"
import { apiKeyIdOf, Credentials, rotateApiKey } from "../../../src/mod.ts"
import { servedEmulator } from "../../servedEmulator.ts"
import { expectSuccess, root, runTool } from "../../tool.ts"
import { inVirtualTime } from "../virtualTime.ts"

const things = 16
const points = Array.from({ length: things }, (_, index) => index + 1)

let folder = ""

beforeAll(async () => {
  folder = fs.mkdtempSync(path.join(root, "node_modules/.kill-"))
  const args = [
    "test/lifecycle/rotation/rotating.ts",
    "--bundle",
    "--platform=node",
    "--format=esm",
  ]
  const outfile = `--outfile=${path.join(folder, "rotating.mjs")}`
  expectSuccess(await runTool("esbuild", [...args, "--log-level=error", outfile]))
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

interface Child {
  readonly file: string
  readonly nth: number
  readonly when: string
  readonly token: string
  readonly baseUrl: string
}

/** Runs the process until it says that it has stopped, and kills it. Returns how it ended. */
const runAndKill = (child: Child): Effect.Effect<string> =>
  Effect.async((resume) => {
    const spawned = spawn(
      process.execPath,
      [path.join(folder, "rotating.mjs"), child.file, String(child.nth), child.when],
      {
        env: { COCKROACH_API_KEY: child.token, COCKROACH_SERVER: child.baseUrl },
        stdio: ["ignore", "pipe", "inherit"],
      },
    )
    spawned.stdout.on("data", () => spawned.kill("SIGKILL"))
    spawned.once("close", (code, signal) => resume(Effect.succeed(signal ?? String(code))))
  })

const read = (file: string) =>
  Effect.sync(() => Option.some(Redacted.make(fs.readFileSync(file, "utf8"))))

const killAndGoOn = (nth: number, when: string) =>
  Effect.gen(function* () {
    const emulator = yield* Emulator
    const { baseUrl } = yield* Credentials
    const file = path.join(folder, `${when} ${nth}`)
    const before = new Set((yield* emulator.apiKeys).map(({ id }) => id))
    const keys = Effect.map(
      emulator.apiKeys,
      (keys) => keys.filter(({ id }) => !before.has(id)).map(({ id, name }) => ({ id, name })),
    )
    const held = Effect.map(read(file), (secret) =>
      Option.getOrThrow(secret.pipe(
        Option.flatMap(apiKeyIdOf),
      )))
    const { secret } = yield* emulator.addApiKey({ name: "billing" })
    fs.writeFileSync(file, Redacted.value(secret))

    const token = Redacted.value(emulator.admin.secret)
    expect(yield* runAndKill({ file, nth, when, token, baseUrl })).toBe("SIGKILL")
    expect((yield* keys).map(({ id }) => id)).toContain(yield* held)

    const again = rotateApiKey({
      store: {
        read: read(file),
        write: (secret) => Effect.sync(() => fs.writeFileSync(file, Redacted.value(secret))),
      },
      grace: 0,
    }).pipe(
      Effect.provideService(HttpClient.HttpClient, emulator.httpClient),
      Effect.provideService(Credentials, emulator.admin.credentials),
    )
    yield* inVirtualTime(again, undefined, Date.now() + 11 * 60_000)
    expect(yield* keys).toEqual([{ id: yield* held, name: "billing" }])
  }).pipe(Effect.provide(servedEmulator({ rateLimit: "none" })))

describe.concurrent("a process that rotates a key", () => {
  for (const when of ["before", "after"]) {
    it.each(points)(
      `can be killed ${when} action %i, and another goes on from there`,
      (nth) => Effect.runPromise(killAndGoOn(nth, when)),
    )
  }
})
