import { beforeAll, describe, expect, it } from "vitest"
import * as esbuild from "esbuild"
import * as fs from "node:fs"
import { join } from "node:path"
import { runOnce } from "../effect4/test/runOnce.ts"
import { writeTree } from "../effect4/tree.ts"
import { expectSuccess, root, runTool } from "./tool.ts"

// The folder has a node_modules of its own, in which `effect` is Effect 4.
const folder = join(root, "node_modules/.effect4")
const tree = join(folder, "src")
const effect4 = join(root, "node_modules/effect4")

let files: ReadonlyArray<string> = []

beforeAll(() => {
  fs.mkdirSync(join(folder, "node_modules"), { recursive: true })
  fs.rmSync(join(folder, "node_modules/effect"), { force: true })
  fs.symlinkSync(effect4, join(folder, "node_modules/effect"))
  files = writeTree({ root, to: tree })
})

const program = `
import { createApiKeyOnce, deleteApiKey, getApiKey, listApiKeys, rotateApiKey } from "./src/mod.ts"
import * as Emulator from "./src/emulator/mod.ts"
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as Option from "effect/Option"
import * as Ref from "effect/Ref"
import * as Stream from "effect/Stream"
import { Credentials } from "./src/mod.ts"

const program = Effect.gen(function* () {
  const emulator = yield* Emulator.make({
    keys: 2,
    maxPageSize: 2,
    rateLimit: "none",
    faults: [
      { operation: "createApiKey", calls: 1, fault: { _tag: "DropAfter" } },
      { operation: "getApiKey", calls: 2, fault: { _tag: "Respond", status: 503 } },
    ],
  })
  const told = []
  yield* Effect.gen(function* () {
    const { serviceAccountId } = emulator.withoutRole
    const { apiKey, secret } = yield* createApiKeyOnce({ name: "billing", serviceAccountId })
    told.push(String(secret), (yield* getApiKey(apiKey.id)).name)
    const held = yield* Ref.make(Option.some(secret))
    const store = { read: Ref.get(held), write: (secret) => Ref.set(held, Option.some(secret)) }
    // Often enough for each character of a mark to occur.
    let successor = apiKey
    for (let n = 0; n < 20; n++) {
      const old = successor.id
      const rotation = yield* rotateApiKey({ store, grace: 0, lease: "10 seconds" })
      successor = rotation.apiKey
      told.push(rotation.did + (rotation.deleted.join() === old))
    }
    const names = yield* Stream.runCollect(Stream.map(listApiKeys(), ({ name }) => name))
    told.push([...names])
    yield* deleteApiKey(successor.id)
    const gone = yield* Effect.flip(getApiKey(successor.id))
    told.push(gone._tag, gone.message.includes("API key"), gone.attempts)
  }).pipe(
    Effect.provideService(HttpClient.HttpClient, emulator.httpClient),
    Effect.provideService(Credentials, emulator.admin.credentials),
  )
  return told
})

console.log(JSON.stringify(await Effect.runPromise(program)))
`

describe("the sources for Effect 4", () => {
  it("import no module that Effect 4 does not have", () => {
    const missing = files.flatMap((file) =>
      [...fs.readFileSync(join(tree, file), "utf8").matchAll(/from "(effect\/|@effect\/)([^"]*)"/g)]
        .map(([, scope, module]) => ({ file, scope, module }))
        .filter(({ module, scope }) =>
          scope !== "effect/" || !fs.existsSync(join(effect4, `dist/${module}.js`))
        )
    )
    expect(missing).toEqual([])
  })

  it("use no word of Effect 3, in code or in docs", () => {
    const ofEffect3 = /@effect\/platform|\bEither\b|Exception\b|DurationInput|FiberRef|TagClass/
    const said = files.filter((file) => !file.startsWith("names/")).flatMap((file) =>
      fs.readFileSync(join(tree, file), "utf8").split("\n")
        // An import of `names/` has Effect 3's name in its path.
        .filter((line) => ofEffect3.test(line.replace(/"(?:\.+\/)+names\/.*"/, "")))
        .map((line) => `${file}: ${line.trim()}`)
    )
    expect(said).toEqual([])
  })

  it("compile, with every exported type stated", async () => {
    fs.writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: "../../src/tsconfig.json",
        compilerOptions: { rootDir: "src", noEmit: true },
        include: ["src"],
        exclude: [],
      }),
    )
    expectSuccess(await runTool("tsc", ["-p", folder]))
  })

  it("create once, get, rotate, list and delete", async () => {
    const outfile = join(folder, "program.mjs")
    esbuild.buildSync({
      stdin: { contents: program, resolveDir: folder, loader: "ts" },
      bundle: true,
      platform: "node",
      format: "esm",
      outfile,
    })
    const { stdout } = expectSuccess(await runTool("node", [outfile]))
    expect(JSON.parse(stdout.trim().split("\n").at(-1) ?? "")).toEqual([
      "<redacted>",
      "billing",
      ...Array(20).fill("madetrue"),
      ["admin key", "cluster admin key", "without role key", "key 1", "key 2", "billing"],
      "NotFound",
      true,
      1,
    ])
  })
})

it("the tests that run only on Effect 3 exist", () => {
  const named = Object.values(runOnce).flat()
  expect(named.filter((path) => !fs.existsSync(join(root, "test", path)))).toEqual([])
})
