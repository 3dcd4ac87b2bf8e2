import * as Emulator from "@effect-crdb/api-keys/emulator"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Redacted from "effect/Redacted"
import * as Scope from "effect/Scope"
import { mkdtempSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { expectSuccess, root, runTool, withTool } from "./tool.ts"

const names = ["KEY", "JWT"].map((name) => `COCKROACH_API_${name}`)
  .concat(["COCKROACH_VANITY_NAME", "COCKROACH_USERNAME", "COCKROACH_SERVER"])

/** No environment of whoever runs the tests reaches the examples. */
const clean = Object.fromEntries(names.map((name) => [name, undefined]))

const secretForm = /CCDB1_[A-Za-z0-9]+_[A-Za-z0-9]+/

const scope = Effect.runSync(Scope.make())
let emulator: Emulator.EmulatorService
let env: Readonly<Record<string, string | undefined>>

beforeAll(async () => {
  const served = Effect.gen(function* () {
    const now = yield* DateTime.now
    const emulator = yield* Emulator.make({
      rateLimit: "none",
      keys: [400, 200, 89, 1].map((days) => ({
        name: `${days} days old`,
        createdAt: DateTime.subtract(now, { days }),
      })),
    })
    const server = yield* NodeHttpServer.make(createServer, { host: "127.0.0.1", port: 0 })
    yield* Effect.provideService(
      HttpServer.serveEffect(emulator.httpApp),
      HttpServer.HttpServer,
      server,
    )
    return { emulator, baseUrl: HttpServer.formatAddress(server.address) }
  })
  const { baseUrl, emulator: made } = await Effect.runPromise(Scope.extend(served, scope))
  emulator = made
  env = {
    ...clean,
    COCKROACH_API_KEY: Redacted.value(emulator.admin.secret),
    COCKROACH_SERVER: baseUrl,
  }
})
afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

describe("npm run demo", () => {
  it("tells the whole story, without a secret", async () => {
    const { stdout } = expectSuccess(
      await runTool("npm", ["run", "--silent", "demo"], { env: clean }),
    )
    expect(stdout).toMatch(/emulator on http:\/\/127\.0\.0\.1:\d+/)
    for (const said of ["Create", "<redacted>", "List", "Get", "Rename", "Delete"]) {
      expect(stdout).toContain(said)
    }
    expect(stdout.match(/10 keys, the first/g)?.length).toBe(2)
    for (const tag of ["NotFound", "Forbidden", "RateLimited"]) {
      expect(stdout).toMatch(new RegExp(`^  ${tag}: \\w+ApiKey: .+$`, "m"))
    }
    expect(stdout).toContain("all succeeded")
    expect(stdout).not.toMatch(secretForm)
  })

  it("with COCKROACH_API_KEY set, calls what that is for, and only reads", async () => {
    await Effect.runPromise(emulator.clear)
    const { stdout } = expectSuccess(await runTool("npm", ["run", "--silent", "demo"], { env }))
    expect(stdout).toContain(`The API Keys API of ${env["COCKROACH_SERVER"]}, read only.`)
    expect(stdout).toContain("NotFound: ")
    expect(stdout).not.toMatch(secretForm)
    const requests = await Effect.runPromise(emulator.requests)
    expect(new Set(requests.map(({ method }) => method))).toEqual(new Set(["GET"]))
    expect(requests.length).toBeGreaterThan(2)
  })

  it("ends with the error's own words where the real service says no", async () => {
    const token = "CCDB1_0000000000000000000000_unknown"
    const { exitCode, stderr, stdout } = await runTool("npm", ["run", "--silent", "demo"], {
      env: { ...env, COCKROACH_API_KEY: token },
    })
    expect(exitCode).not.toBe(0)
    expect(stderr).toContain("Unauthorized: listApiKeys: ")
    expect(stdout + stderr).not.toContain("unknown")
  })
})

describe("the first program", () => {
  it("for Deno prints the old keys, with no permission but those in the README", async () => {
    const host = new URL(env["COCKROACH_SERVER"] ?? "").host
    const { stdout } = expectSuccess(
      await runTool("deno", [
        "run",
        "--no-prompt",
        "--cached-only",
        `--allow-net=${host}`,
        `--allow-env=${names.join()}`,
        "examples/first/deno.ts",
      ], { env }),
    )
    const lines = stdout.trim().split("\n").map((line) => line.replace(/^\S+ {2}\S+ {2}/, ""))
    expect(lines).toEqual(["400 days old", "200 days old"])
  })

  it("for Bun answers with the newest keys", async () => {
    const options = { env: { ...env, PORT: "0" }, whenItSays: /http:\/\/localhost:(\d+)/ }
    await withTool("bun", ["run", "examples/first/bun.ts"], options, async ([, port]) => {
      const response = await fetch(`http://localhost:${port}/keys`)
      const keys = await Effect.runPromise(emulator.apiKeys)
      expect(await response.json())
        .toEqual(keys.map(({ id, name }) => ({ id, name })).reverse())
      expect((await fetch(`http://localhost:${port}/`)).status).toBe(404)
    })
  })

  it("for Node answers with one key, or with what went wrong", async () => {
    // Node 20 runs JavaScript alone: the file goes through a bundler as a service's code does.
    const folder = mkdtempSync(join(root, "node_modules/.example-"))
    try {
      const file = join(folder, "service.mjs")
      const args = ["examples/first/node.ts", "--bundle", "--packages=external", "--platform=node"]
      expectSuccess(await runTool("esbuild", [...args, "--format=esm", `--outfile=${file}`]))
      const options = { env: { ...env, PORT: "0" }, whenItSays: /Listening on http:\/\/\S+:(\d+)/ }
      await withTool("node", [file], options, async ([, port]) => {
        const get = (id: string) => fetch(`http://127.0.0.1:${port}/keys/${id}`)
        const [, key] = await Effect.runPromise(emulator.apiKeys)
        const { createdAt, id, name } = key ?? expect.fail("there are keys")
        expect(await (await get(id)).json())
          .toEqual({ id, name, createdAt: DateTime.formatIso(createdAt) })
        expect([(await get("nowhere")).status, (await get("CCDB1_a_secret")).status]).toEqual([
          404,
          400,
        ])
      })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})
