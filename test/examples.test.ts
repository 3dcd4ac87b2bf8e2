import type * as Emulator from "@effect-crdb/api-keys/emulator"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as esbuild from "esbuild"
import { Miniflare } from "miniflare"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest"
import { clean, openStage, type Stage, variables } from "./exampleStage.ts"
import { expectSuccess, root, type Running, runTool, withTool } from "./tool.ts"

const printedSecret = /CCDB1_[A-Za-z0-9]+_[A-Za-z0-9]+/

/** A token that was pasted twice. The module refuses it before sending. */
const unsendable = {
  COCKROACH_API_KEY: undefined,
  COCKROACH_API_JWT: "e30.e30.c2lnbmF0dXJl",
  COCKROACH_VANITY_NAME: "acme",
  COCKROACH_USERNAME: "e30.e30.c2lnbmF0dXJl",
}

const keysOfAges = (ages: ReadonlyArray<number>, now: DateTime.Utc) =>
  ages.map((days) => ({
    name: `${days} days old`,
    createdAt: DateTime.subtract(now, { days }),
  }))

let stage: Stage
let emulator: Emulator.EmulatorService
let env: Stage["env"]

beforeAll(async () => {
  stage = await openStage({ keys: keysOfAges([400, 200, 89, 1], DateTime.unsafeNow()) })
  emulator = stage.emulator
  env = stage.env
})
afterAll(() => stage.close())

// Node 20 runs only JavaScript, so the file is bundled first.
const bundleFolder = mkdtempSync(join(root, "node_modules/.example-"))
afterAll(() => rmSync(bundleFolder, { recursive: true }))

const bundled = (name: string): string => {
  const outfile = join(bundleFolder, `${name.replace("/", "-")}.mjs`)
  esbuild.buildSync({
    entryPoints: [join(root, `examples/${name}.ts`)],
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    outfile,
  })
  return outfile
}

/** Waits for a log, which may come after the answer. */
const says = (running: Running, text: string) =>
  expect.poll(() => running.output(), { timeout: 60_000 }).toContain(text)

const listening = /Listening on (http:\/\/127\.0\.0\.1:\d+)/

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
    expect(stdout).not.toMatch(printedSecret)
  })

  it("with COCKROACH_API_KEY set, calls the real service, and only reads", async () => {
    await Effect.runPromise(emulator.clear)
    const { stdout } = expectSuccess(await runTool("npm", ["run", "--silent", "demo"], { env }))
    expect(stdout).toContain(`The API Keys API of ${env["COCKROACH_SERVER"]}, read only.`)
    expect(stdout).toContain("NotFound: ")
    expect(stdout).not.toMatch(printedSecret)
    const requests = await Effect.runPromise(emulator.requests)
    expect(new Set(requests.map(({ method }) => method))).toEqual(new Set(["GET"]))
    expect(requests.length).toBeGreaterThan(2)
  })

  it("ends with the error's message if the real service refuses", async () => {
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
  it("for Deno prints the old keys, with only the permissions that README gives", async () => {
    const host = new URL(env["COCKROACH_SERVER"] ?? "").host
    const { stdout } = expectSuccess(
      await runTool("deno", [
        "run",
        "--no-prompt",
        "--cached-only",
        `--allow-net=${host}`,
        `--allow-env=${variables.join()}`,
        "examples/first/deno.ts",
      ], { env }),
    )
    const lines = stdout.trim().split("\n").map((line) => line.replace(/^\S+ {2}\S+ {2}/, ""))
    expect(lines).toEqual(["400 days old", "200 days old"])
  })

  it("for Bun answers with the newest keys", async () => {
    const options = { env: { ...env, PORT: "0" }, whenItSays: /http:\/\/[\w.]+:(\d+)/ }
    await withTool("bun", ["run", "examples/first/bun.ts"], options, async ([, port]) => {
      const response = await fetch(`http://127.0.0.1:${port}/keys`)
      const keys = await Effect.runPromise(emulator.apiKeys)
      expect(await response.json())
        .toEqual(keys.map(({ id, name }) => ({ id, name })).reverse())
      expect((await fetch(`http://127.0.0.1:${port}/`)).status).toBe(404)
      // A server on all addresses would answer at this one too.
      await expect(fetch(`http://127.0.0.2:${port}/`)).rejects.toThrow()
    })
  })

  it("for Node answers with one key, or with what went wrong", async () => {
    const options = { env: { ...env, PORT: "0" }, whenItSays: /Listening on [^]*port: (\d+)/ }
    await withTool("node", [bundled("first/node")], options, async ([, port]) => {
      const get = (id: string) => fetch(`http://127.0.0.1:${port}/keys/${id}`)
      const [, key] = await Effect.runPromise(emulator.apiKeys)
      const { createdAt, id, name } = key ?? expect.fail("there are keys")
      expect(await (await get(id)).json())
        .toEqual({ id, name, createdAt: DateTime.formatIso(createdAt) })
      expect([(await get("nowhere")).status, (await get("CCDB1_a_secret")).status])
        .toEqual([404, 400])
    })
  })

  it("for Node keeps a wrong setting from its callers, and logs it", async () => {
    const options = {
      env: { ...env, ...unsendable, PORT: "0" },
      whenItSays: /Listening on [^]*port: (\d+)/,
    }
    await withTool("node", [bundled("first/node")], options, async ([, port], running) => {
      const response = await fetch(`http://127.0.0.1:${port}/keys/nowhere`)
      expect([response.status, await response.text()]).toEqual([500, ""])
      await says(running, "InvalidRequest: getApiKey: username ")
    })
  })
})

/** A key as an example prints it. */
const shown = (apiKey: { readonly id: string }): unknown => JSON.parse(JSON.stringify(apiKey))

const parseNdjson = (text: string): ReadonlyArray<unknown> =>
  text.trimEnd().split("\n").map((line) => JSON.parse(line))

describe("the service", () => {
  let stage: Stage
  let keys: ReadonlyArray<unknown>

  beforeAll(async () => {
    stage = await openStage({ keys: 1200 })
    keys = (await Effect.runPromise(stage.emulator.apiKeys)).map(shown)
  })
  afterAll(() => stage.close())

  const withService = (
    use: (url: string, running: Running) => Promise<void>,
    more: Readonly<Record<string, string | undefined>> = {},
  ) =>
    withTool("node", [bundled("service")], {
      env: { ...stage.env, PORT: "0", ...more },
      whenItSays: listening,
    }, ([, url = ""], running) => use(url, running))

  it("passes on each page of keys when it comes, and stops when its caller leaves", () =>
    withService(async (url) => {
      const held = stage.hold("pagination.page=")
      const response = await fetch(`${url}/keys`)
      expect(response.headers.get("content-type")).toBe("application/x-ndjson")
      const reader = (response.body ?? expect.fail("no body")).getReader()
      const decoder = new TextDecoder()
      let text = ""
      const readOn = async (): Promise<boolean> => {
        const { done, value } = await reader.read()
        text += decoder.decode(value, { stream: true })
        return !done
      }
      // The keys of the first page arrive although the second page is held back.
      await held.arrived
      while (text.split("\n").length <= 500) expect(await readOn()).toBe(true)
      expect(parseNdjson(text)).toEqual(keys.slice(0, 500))
      await held.release()
      while (await readOn());
      expect(parseNdjson(text)).toEqual(keys)

      const heldAgain = stage.hold("pagination.page=")
      const caller = new AbortController()
      await fetch(`${url}/keys`, { signal: caller.signal })
      await heldAgain.arrived
      caller.abort()
      await heldAgain.left
      await heldAgain.release()
    }))

  it("gives each failure its status, and cuts off a list that fails midway", () =>
    withService(async (url, running) => {
      const [key = expect.fail("there are keys")] = await Effect.runPromise(stage.emulator.apiKeys)
      const get = async (path: string) => {
        const response = await fetch(url + path)
        return [response.status, await response.json()]
      }
      const failing = (path: string, status: number) =>
        Effect.runPromise(stage.emulator.setFaults([{ fault: { _tag: "Respond", status } }]))
          .then(() => get(path))

      expect(await get(`/keys/${key.id}`)).toEqual([200, shown(key)])
      expect(await get("/keys/nowhere")).toEqual([404, expect.anything()])
      expect(await get(`/keys/${stage.secret}`)).toEqual([400, expect.anything()])
      for (const path of ["/keys", `/keys/${key.id}`]) {
        expect(await failing(path, 401)).toEqual([500, { message: "not set up" }])
        expect(await failing(path, 403)).toEqual([500, { message: "not set up" }])
        expect(await failing(path, 501)).toEqual([502, { message: "no answer" }])
        expect(await failing(path, 302)).toEqual([502, { message: "no answer" }])
      }
      await Effect.runPromise(stage.emulator.setFaults([
        { calls: 2, fault: { _tag: "Respond", status: 501 } },
      ]))
      const response = await fetch(`${url}/keys`)
      expect(response.status).toBe(200)
      await expect(response.text()).rejects.toThrow()
      await Effect.runPromise(stage.emulator.setFaults([]))
      expect(running.output()).toContain("ServerError")
      expect(running.output()).not.toMatch(printedSecret)
    }))

  it("keeps a wrong setting from its callers, and logs it", () =>
    withService(async (url, running) => {
      for (const path of ["/keys", "/keys/nowhere"]) {
        const response = await fetch(url + path)
        expect([response.status, await response.json()]).toEqual([500, { message: "not set up" }])
      }
      await says(running, "InvalidRequest: getApiKey: username ")
      await says(running, "InvalidRequest: listApiKeys: username ")
    }, unsendable))

  it("on SIGTERM takes no more requests, finishes the running answer, and exits with 0", () =>
    withService(async (url, running) => {
      const [key = expect.fail("there are keys")] = await Effect.runPromise(stage.emulator.apiKeys)
      const held = stage.hold(key.id)
      const answer = fetch(`${url}/keys/${key.id}`).then((response) => response.json())
      await held.arrived
      const exitCode = running.stop()
      for (let isOpen = true; isOpen;) {
        isOpen = await fetch(`${url}/nothing`, { headers: { connection: "close" } })
          .then(() => true, () => false)
      }
      await held.release()
      expect(await answer).toEqual(shown(key))
      expect(await exitCode).toBe(0)
    }))

  it("sends spans, metrics and logs to a collector, without a secret", async () => {
    const received = new Map<string, string>()
    const collector = createServer(async (request, response) => {
      const path = request.url ?? ""
      let body = received.get(path) ?? ""
      for await (const part of request.setEncoding("utf8")) body += part
      received.set(path, body)
      response.end("{}")
    })
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve))
    // A server that listens on TCP has an AddressInfo.
    const { port } = collector.address() as AddressInfo
    try {
      await withService(async (url, running) => {
        await (await fetch(`${url}/keys`)).text()
        await fetch(`${url}/keys/${stage.secret}`)
        await Effect.runPromise(stage.emulator.setFaults([{
          fault: { _tag: "Respond", status: 429, retryAfter: { seconds: 100 } },
        }]))
        const busy = await fetch(`${url}/keys`)
        expect([busy.status, busy.headers.get("retry-after")]).toEqual([503, "100"])
        await Effect.runPromise(stage.emulator.setFaults([]))
        expect(await running.stop()).toBe(0)
      }, { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` })
    } finally {
      collector.close()
    }
    const traces = received.get("/v1/traces")
    for (const name of ["http.server GET", "ApiKeys.listApiKeys", "http.client GET"]) {
      expect(traces).toContain(`"name":"${name}"`)
    }
    const metrics = received.get("/v1/metrics")
    for (const name of ["http.client.request.duration", "crdb.api_keys.throttle.wait"]) {
      expect(metrics).toContain(`"name":"${name}"`)
    }
    expect(received.get("/v1/logs")).toContain("Listening on")
    const everything = [...received.values()].join()
    expect(everything).not.toMatch(printedSecret)
    expect(everything).not.toContain(stage.secret.slice(-12))
  })
})

describe("the audit", () => {
  const [young, old, older] = [
    "00000000-0000-4000-8000-000000000001",
    "00000000-0000-4000-8000-000000000002",
    "00000000-0000-4000-8000-000000000003",
  ]
  const ages = { [older]: [400, 100], [old]: [300, 90.5, 89], [young]: [10] }
  let stage: Stage
  let command: ReadonlyArray<string>

  beforeAll(async () => {
    const now = DateTime.unsafeNow()
    stage = await openStage({
      serviceAccounts: Object.keys(ages).map((id) => ({ id })),
      keys: Object.entries(ages).flatMap(([serviceAccountId, ages]) =>
        ages.map((days) => ({
          serviceAccountId,
          name: `\x1b[31m${days}`,
          createdAt: DateTime.subtract(now, { hours: 24 * days }),
        }))
      ),
    })
    // The guide's own command, with the emulator in place of the service.
    const guide = readFileSync(join(root, "examples/README.md"), "utf8")
    const [, stated = ""] = /^deno run ((?:[^\n]*\\\n)+[^\n]*) audit\.ts/m.exec(guide) ??
      expect.fail("the guide has no command for audit.ts")
    command = stated.replaceAll("\\\n", " ").trim().split(/\s+/)
      .map((flag) => flag.replace("cockroachlabs.cloud", new URL(stage.baseUrl).host))
  })
  afterAll(() => stage.close())

  const audit = (...args: ReadonlyArray<string>) =>
    runTool("deno", [
      "run",
      "--no-prompt",
      "--cached-only",
      ...command,
      "examples/audit.ts",
      ...args,
    ], { env: stage.env })

  // Older than 90 days, by service account.
  const found = [
    { serviceAccount: old, days: 300 },
    { serviceAccount: old, days: 90 },
    { serviceAccount: older, days: 400 },
    { serviceAccount: older, days: 100 },
  ]

  it("prints a table, and exits with 1 if there are old keys", async () => {
    const { exitCode, stderr, stdout } = await audit()
    expect([exitCode, stderr]).toEqual([1, "4 keys older than 90 days\n"])
    const rows = stdout.split("\n").filter((line) => line.includes("CCDB1_"))
    expect(rows.map((row) => /"(\S+-\S+)" .* (\d+) │$/.exec(row)?.slice(1)))
      .toEqual(found.map(({ days, serviceAccount }) => [serviceAccount, String(days)]))
    // A name's control characters do not reach the terminal.
    expect(stdout).not.toContain("\x1b")
  })

  it("prints JSON, by service account", async () => {
    const { exitCode, stdout } = await audit("--format", "json")
    expect(exitCode).toBe(1)
    expect(JSON.parse(stdout)).toEqual([old, older].map((serviceAccount) => ({
      serviceAccount,
      keys: found.filter((row) => row.serviceAccount === serviceAccount).map(({ days }) =>
        expect.objectContaining({ days, key: expect.stringMatching(/^CCDB1_/) })
      ),
    })))
  })

  it("prints NDJSON, the oldest first", async () => {
    const { exitCode, stdout } = await audit("--format=ndjson", "--older-than=99")
    expect(exitCode).toBe(1)
    expect(parseNdjson(stdout)).toEqual([
      expect.objectContaining({ serviceAccount: older, days: 400 }),
      expect.objectContaining({ serviceAccount: old, days: 300 }),
      expect.objectContaining({ serviceAccount: older, days: 100 }),
    ])
  })

  it("exits with 0 if there are no old keys", async () => {
    const { exitCode, stdout } = await audit("--service-account", young, "--format", "json")
    expect([exitCode, stdout]).toEqual([0, "[]\n"])
  })

  it.each([
    ["one argument too many", () => [stage.secret]],
    ["an unknown format", () => ["--format", "xml"]],
    ["days that are not a number", () => ["--older-than", "soon"]],
  ])("prints its usage after %s, without repeating the argument", async (_, args) => {
    const { exitCode, stderr, stdout } = await audit(...args())
    expect([exitCode, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(/^usage: /)
    expect(stderr).not.toMatch(printedSecret)
  })

  const withOnly = (permissions: ReadonlyArray<string>, env = stage.env) =>
    runTool("deno", [
      "run",
      "--no-prompt",
      "--cached-only",
      ...permissions,
      "examples/audit.ts",
    ], { env })

  it.each<readonly [string, RegExp, () => ReturnType<typeof withOnly>]>([
    [
      "it may not read the environment",
      /--allow-env/,
      () => withOnly(command.filter((flag) => !flag.startsWith("--allow-env"))),
    ],
    ["it may read only one variable", /COCKROACH_/, () =>
      withOnly([
        ...command.filter((flag) => !flag.startsWith("--allow-env")),
        "--allow-env=COCKROACH_API_KEY",
      ])],
    [
      "it may not use the network",
      /^TransportError: /,
      () => withOnly(command.filter((flag) => !flag.startsWith("--allow-net"))),
    ],
    ["it has no permission", /--allow-env/, () => withOnly([])],
    ["it has no key", /COCKROACH_API_KEY/, () => withOnly(command, clean)],
    [
      "its key cannot be sent",
      /COCKROACH_API_KEY/,
      () => withOnly(command, { ...stage.env, COCKROACH_API_KEY: "two words" }),
    ],
    [
      "its server is not a URL",
      /COCKROACH_SERVER/,
      () => withOnly(command, { ...stage.env, COCKROACH_SERVER: "nowhere" }),
    ],
    [
      "its server does not answer",
      /^TransportError: /,
      () =>
        withOnly([...command, "--allow-net=127.0.0.1:9"], {
          ...stage.env,
          COCKROACH_SERVER: "http://127.0.0.1:9",
        }),
    ],
  ])("exits with 2 if %s", async (_, why, run) => {
    const { exitCode, stderr, stdout } = await run()
    expect([exitCode, stdout]).toEqual([2, ""])
    expect(stderr).toMatch(why)
    expect(stderr).not.toMatch(printedSecret)
  })

  it("exits with 2 if the API refuses the call", async () => {
    await Effect.runPromise(stage.emulator.setFaults([
      { calls: 1, fault: { _tag: "Respond", status: 403 } },
    ]))
    const { exitCode, stderr } = await audit()
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/^Forbidden: listApiKeys: /)])
  })
})

const workerToken = "a long random text"

/** A worker's environment. */
type Settings = Readonly<Record<string, string>>

type Get = (path: string, init?: RequestInit) => Promise<Response>

const getFrom = (url: string | URL): Get => (path, init) =>
  fetch(new URL(path, url), { headers: { authorization: `Bearer ${workerToken}` }, ...init })

const onWorkerd = (file: string, settings: Settings): Miniflare => {
  const { outputFiles } = esbuild.buildSync({
    entryPoints: [join(root, file)],
    bundle: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module"],
    conditions: ["workerd", "worker"],
    write: false,
  })
  return new Miniflare({
    modules: true,
    script: outputFiles[0]?.text ?? "",
    compatibilityDate: "2026-04-01",
    compatibilityFlags: ["nodejs_compat"],
    bindings: settings,
    r2Buckets: ["SECRETS"],
    port: 0,
  })
}

const edges: Readonly<
  Record<string, (settings: Settings, use: (get: Get) => Promise<void>) => Promise<void>>
> = {
  Bun: (settings, use) =>
    withTool("bun", ["run", "examples/worker.ts"], {
      env: { ...clean, ...settings, PORT: "0" },
      whenItSays: /http:\/\/localhost:\d+/,
    }, ([url]) => use(getFrom(url))),

  workerd: async (settings, use) => {
    const miniflare = onWorkerd("examples/worker.ts", settings)
    try {
      await use(getFrom(await miniflare.ready))
    } finally {
      await miniflare.dispose()
    }
  },
}

describe.each(Object.entries(edges))("the edge worker on %s", (edge, withWorker) => {
  let stage: Stage
  let settings: Settings

  beforeAll(async () => {
    stage = await openStage({ keys: 80 })
    settings = {
      COCKROACH_API_KEY: stage.secret,
      COCKROACH_SERVER: stage.baseUrl,
      WORKER_TOKEN: workerToken,
    }
  })
  afterAll(() => stage.close())

  const seen = async () => (await Effect.runPromise(stage.emulator.requests)).length

  it("answers concurrent callers although one leaves, and later callers from its cache", async () => {
    await withWorker(settings, async (get) => {
      const held = stage.hold("/api-keys")
      const caller = new AbortController()
      const gone = get("/keys", { signal: caller.signal })
      await held.arrived
      const others = [get("/keys"), get("/keys")]
      // Once this request is answered, the others have arrived.
      expect((await get("/")).status).toBe(404)
      caller.abort()
      await expect(gone).rejects.toThrow()
      await held.release()

      const keys = (await Effect.runPromise(stage.emulator.apiKeys)).map(shown).reverse()
      const isAnswered = async (response: Response) =>
        expect([response.status, await response.json()]).toEqual([200, keys.slice(0, 50)])
      for (const response of await Promise.all(others)) await isAnswered(response)
      const asked = await seen()
      await isAnswered(await get("/keys"))
      expect(await seen()).toBe(asked)
      // On Workers no caller waits for another caller's request.
      expect(asked).toBeLessThanOrEqual(edge === "Bun" ? 1 : 3)
    })
  })

  it("tells callers of their own mistakes, and of nothing else", async () => {
    await withWorker(settings, async (get) => {
      await Effect.runPromise(
        stage.emulator.setFaults([{ fault: { _tag: "Respond", status: 403 } }]),
      )
      const failed = await get("/keys")
      expect([failed.status, failed.headers.get("retry-after"), await failed.json()])
        .toEqual([503, "1", { message: "no answer: try again later" }])
      await Effect.runPromise(stage.emulator.setFaults([]))

      const [{ serviceAccountId } = expect.fail("there are accounts")] = await Effect.runPromise(
        stage.emulator.apiKeys,
      )
      const filtered = await get(`/keys?serviceAccount=${serviceAccountId}`)
      expect([
        filtered.status,
        new Set(
          (await filtered.json()).map((key: { readonly serviceAccountId: string }) =>
            key.serviceAccountId
          ),
        ),
      ])
        .toEqual([200, new Set([serviceAccountId])])
      expect((await get("/")).status).toBe(404)

      const asked = await seen()
      for (const id of ["", "0", `${serviceAccountId}0`]) {
        expect((await get(`/keys?serviceAccount=${id}`)).status).toBe(400)
      }
      expect(await seen()).toBe(asked)
    })
  })

  it("caches a failure for a while, so that not every caller makes a request", async () => {
    await withWorker(settings, async (get) => {
      await Effect.runPromise(
        stage.emulator.setFaults([{ fault: { _tag: "Respond", status: 403 } }]),
      )
      const asked = await seen()
      for (let calls = 0; calls < 5; calls++) expect((await get("/keys")).status).toBe(503)
      await Effect.runPromise(stage.emulator.setFaults([]))
      // One request, unless the calls of a slow machine take longer than a failure is cached.
      expect(await seen() - asked).toBeLessThan(5)
    })
  })

  it("refuses callers without its token, and sends nothing for them", async () => {
    await withWorker(settings, async (get) => {
      const asked = await seen()
      for (
        const headers of [
          {},
          { authorization: "Bearer" },
          { authorization: workerToken },
          { authorization: `Bearer ${workerToken}s` },
        ]
      ) {
        const { headers: answered, status } = await get("/keys", { headers })
        expect([status, answered.get("www-authenticate")]).toEqual([401, "Bearer"])
      }
      expect(await seen()).toBe(asked)
    })
  })

  it.each([
    ["its token", { WORKER_TOKEN: "" }],
    ["its key", { COCKROACH_API_KEY: "" }],
    ["a valid key", { COCKROACH_API_KEY: "two words" }],
  ])("stays up without %s, and says only that it has no answer", async (_, wrong) => {
    await withWorker({ ...settings, ...wrong }, async (get) => {
      const response = await get("/keys")
      expect([response.status, await response.json()])
        .toEqual([503, { message: "no answer: try again later" }])
    })
  })
})

describe("the cron worker on workerd", () => {
  let stage: Stage
  let miniflare: Miniflare

  interface Bucket {
    readonly get: (name: string) => Promise<{ readonly text: () => Promise<string> } | null>
    readonly put: (name: string, text: string) => Promise<unknown>
  }
  interface Worker {
    readonly scheduled: (
      options: { readonly cron: string },
    ) => Promise<{ readonly outcome: string }>
  }
  // miniflare types its result by Cloudflare's types, which are not installed.
  const bucketOf = async () => await miniflare.getR2Bucket("SECRETS") as unknown as Bucket
  const workerOf = async () => await miniflare.getWorker() as unknown as Worker

  beforeEach(async () => {
    stage = await openStage({})
    miniflare = onWorkerd("examples/cron.ts", {
      COCKROACH_API_KEY: stage.secret,
      COCKROACH_SERVER: stage.baseUrl,
    })
  })
  afterEach(async () => {
    await miniflare.dispose()
    await stage.close()
  })

  const now = DateTime.unsafeNow()
  /** Adds a key of this age, and puts its secret into the bucket. */
  const put = async (object: string, name: string, days: number) => {
    const { apiKey, secret } = await Effect.runPromise(stage.emulator.addApiKey({
      name,
      createdAt: DateTime.subtract(now, { days }),
    }))
    const bucket = await bucketOf()
    await bucket.put(object, Redacted.value(secret))
    return apiKey
  }
  const heldIn = async (object: string) => {
    const bucket = await bucketOf()
    return (await (await bucket.get(object))?.text())?.split("_").slice(0, 2).join("_")
  }
  const trigger = async () => {
    const worker = await workerOf()
    return (await worker.scheduled({ cron: "7 * * * *" })).outcome
  }
  const keys = () => Effect.runPromise(stage.emulator.apiKeys)

  it("makes a successor for each old key, and continues at a later trigger", async () => {
    const [billing, ledger] = [await put("a", "billing", 100), await put("b", "ledger", 10)]
    expect(await trigger()).toBe("ok")
    const held = await heldIn("a")
    expect((await keys()).find(({ id }) => id === held)?.name)
      .toMatch(`billing [rotates ${billing.id} `)
    expect(await heldIn("b")).toBe(ledger.id)
    // During the grace another run changes nothing.
    expect(await trigger()).toBe("ok")
    expect(await heldIn("a")).toBe(held)
    expect((await keys()).map(({ id }) => id)).toContain(billing.id)
  })

  it("deletes the old key and finishes the new one a day later", async () => {
    const old = await put("a", "billing", 100)
    const successor = await put("a", `billing [rotates ${old.id} 1a2b3c4d]`, 2)
    expect(await trigger()).toBe("ok")
    const left = (await keys()).map(({ id, name }) => ({ id, name }))
    expect(left).toContainEqual({ id: successor.id, name: "billing" })
    expect(left.map(({ id }) => id)).not.toContain(old.id)
  })

  it("goes on with the other keys if one fails, and then counts as failed", async () => {
    await put("a", "billing", 100)
    const bucket = await bucketOf()
    await bucket.put("0", "a shopping list")
    expect(await trigger()).not.toBe("ok")
    expect((await keys()).some(({ name }) => name.startsWith("billing [rotates "))).toBe(true)
  })
})

describe("npm run example", () => {
  // These tests run the bundle without npm, since npm and its shell pass no signal on.
  const runner = "node_modules/.cache/examples/run.mjs"
  const environment = {
    ...clean,
    PATH: `${join(root, "node_modules/.bin")}:${process.env["PATH"]}`,
  }

  beforeAll(async () => {
    const { exitCode, stderr } = await runTool("npm", ["run", "--silent", "example"])
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining("usage: npm run example")])
  })

  it("runs the audit against its own emulator", async () => {
    const args = [runner, "audit", "--format", "ndjson", "--older-than", "385"]
    const { exitCode, stdout } = await runTool("node", args, { env: environment })
    expect([exitCode, parseNdjson(stdout).length]).toEqual([1, 2])
  })

  it("runs the rotation as the guide says", async () => {
    const [, stated = ""] = /`npm run example -- (rotate [^`]*)`/.exec(
      readFileSync(join(root, "examples/README.md"), "utf8"),
    ) ?? expect.fail("the guide does not run rotate.ts")
    const { exitCode, stderr, stdout } = await runTool("node", [runner, ...stated.split(" ")], {
      env: environment,
    })
    expect([exitCode, stderr]).toEqual([0, ""])
    expect(stdout).toMatch(/^32 keys to rotate/m)
  })

  it("runs the worker, with the token that the guide shows", async () => {
    const [, authorization = ""] = /curl -H "authorization: ([^"]*)" localhost:3000\/keys/.exec(
      readFileSync(join(root, "examples/README.md"), "utf8"),
    ) ?? expect.fail("the guide does not call the worker")
    const options = { env: { ...environment, PORT: "0" }, whenItSays: /http:\/\/localhost:\d+/ }
    await withTool("node", [runner, "worker"], options, async ([url]) => {
      const response = await fetch(`${url}/keys`, { headers: { authorization } })
      expect((await response.json()).length).toBe(43)
    })
  })

  it("runs the rotator, which replaces every old key and reports on each", async () => {
    const whenItSays = /43 keys, 0 of them to rotate/
    const options = { env: environment, whenItSays }
    await withTool("node", [runner, "rotator"], options, (_, running) => {
      const output = running.output()
      const done = [...output.matchAll(/^"(key \d+)" of \S+ is done: its file holds CCDB1_/gm)]
      const old = Array.from({ length: 32 }, (_, index) => `key ${index + 1}`)
      expect(done.map(([, name]) => name).sort()).toEqual(old.sort())
      expect(output.match(/deleted CCDB1_/g)?.length).toBe(old.length)
      expect(output).toMatch(/^43 keys, 32 of them to rotate\n/)
      expect(output).not.toMatch(printedSecret)
      return Promise.resolve()
    })
  })

  it("runs the service until it is stopped, and leaves nothing behind", async () => {
    const options = { env: { ...environment, PORT: "0" }, whenItSays: listening }
    await withTool("node", [runner, "service"], options, async ([, url = ""], running) => {
      expect(parseNdjson(await (await fetch(`${url}/keys`)).text()).length).toBe(43)
      await running.stop()
      await expect(fetch(url)).rejects.toThrow()
    })
  })
})
