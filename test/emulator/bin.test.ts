import * as esbuild from "esbuild"
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { text } from "node:stream/consumers"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { type Json, keys } from "./call.ts"

let folder = ""

const bin = () => join(folder, "emulator.cjs")

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "emulator-"))
  await esbuild.build({
    entryPoints: [fileURLToPath(new URL("../../src/emulator/bin.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    outfile: bin(),
    logLevel: "error",
  })
})

afterAll(() => rm(folder, { recursive: true }))

const start = (...options: ReadonlyArray<string>) =>
  spawn(process.execPath, [bin(), ...options], { stdio: ["ignore", "pipe", "pipe"] })

/** Everything that a command prints, and its exit code, once it ends by itself. */
const outcome = async (child: ReturnType<typeof start>) => {
  const [printed, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { printed, errors, code: await finish(child) }
}

const finish = async (child: ChildProcess) => {
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode]
  return code
}

/** Serves, and reads what it prints until it is ready. */
const serve = async (...options: ReadonlyArray<string>) => {
  const child = start("--port", "0", ...options)
  const lines: Array<string> = []
  const reader = createInterface(child.stdout)
  const closed = once(reader, "close")
  await new Promise<void>((resolve) => {
    reader.on("line", (line) => {
      lines.push(line)
      if (line.startsWith("Ctrl-C")) resolve()
    })
  })
  const found = (pattern: RegExp) => pattern.exec(lines.join("\n"))?.[1] ?? ""
  const url = found(/COCKROACH_SERVER=(\S+)/)
  const authorization = `Bearer ${found(/COCKROACH_API_KEY=(\S+)/)}`
  return {
    child,
    lines,
    stop: async () => {
      child.kill()
      await closed
      return finish(child)
    },
    serviceAccountId: found(/(\S+) {2}NONE/),
    ask: (path: string, init: RequestInit = {}) =>
      fetch(`${url}${path}`, { ...init, headers: { authorization, ...init.headers } }),
  }
}

describe("the command", () => {
  it("--help names every option", async () => {
    const child = start("--help")
    const help = await text(child.stdout)
    for (
      const option of [
        ...["port", "keys", "oldest", "service-accounts", "limit", "limit-status", "latency"],
        ...["history", "list-lag", "seed", "faults", "quiet"],
      ]
    ) {
      expect(help).toContain(`--${option}`)
    }
    expect(await finish(child)).toBe(0)
  })

  it("prints what you need to call it, and logs one line for each request", async () => {
    const { ask, lines, serviceAccountId, stop } = await serve("--keys", "7")
    const list = await ask(`${keys}?pagination.limit=1000`)
    expect(await list.json()).toHaveProperty("api_keys.length", 10)
    const created = await ask(keys, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ name: "ci", service_account_id: serviceAccountId }),
    })
    expect(created.status).toBe(200)
    await stop()
    expect(lines.filter((line) => line.includes(` ${keys}`))).toMatchObject([
      expect.stringContaining(`GET ${keys}?pagination.limit=1000 200`),
      expect.stringContaining(`POST ${keys} 200`),
    ])
  })

  it("applies the fault plan of a file", async () => {
    const faults = join(folder, "faults.json")
    await writeFile(faults, '[{ "calls": 1, "fault": { "_tag": "DropBefore" } }]')
    const { ask, stop } = await serve("--faults", faults)
    await expect(ask(keys)).rejects.toThrow("fetch failed")
    expect((await ask(keys)).status).toBe(200)
    await stop()
  })

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`stops cleanly on ${signal}, with a request on its way`, async () => {
      const { ask, child } = await serve("--latency", "10 minutes")
      const waiting = ask(keys).catch(() => "broken off")
      // When a second connection is answered, the server has read the first one's request.
      await ask("/elsewhere", { signal: AbortSignal.timeout(200) }).catch(() => undefined)
      child.kill(signal)
      expect(await finish(child)).toBe(0)
      expect(await waiting).toBe("broken off")
    })
  }

  it("refuses requests over the limit with the given status", async () => {
    const { ask, stop } = await serve("--limit", "1", "--limit-status", "403")
    expect((await ask(keys)).status).toBe(200)
    const refused = await ask(keys)
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([403, "1"])
    expect(await refused.json()).toEqual({ code: 8, message: "rate limit exceeded", details: [] })
    await stop()
  })

  it("spreads the ages of keys from the oldest to now", async () => {
    const { ask, stop } = await serve("--keys", "38", "--oldest", "400 days")
    const { api_keys }: Pick<Json, "api_keys"> = JSON.parse(await (await ask(keys)).text())
    const days = api_keys.map(({ created_at }) =>
      (Date.now() - Date.parse(created_at)) / 86_400_000
    )
    expect(days.map(Math.round)).toEqual(Array.from({ length: 41 }, (_, index) => 400 - index * 10))
    await stop()
  })

  it("lists as of any time that its history reaches, by default an hour back", async () => {
    const asOf = (ago: number) =>
      `${keys}?pagination.as_of_time=${new Date(Date.now() - ago * 60_000).toISOString()}`
    const statuses = async (...options: ReadonlyArray<string>) => {
      const { ask, stop } = await serve(...options)
      const answers = [await ask(asOf(5)), await ask(asOf(59)), await ask(asOf(61))]
      await stop()
      return answers.map(({ status }) => status)
    }
    expect(await statuses()).toEqual([200, 200, 400])
    expect(await statuses("--history", "10 minutes")).toEqual([200, 400, 400])
  })

  describe("says in one line what is wrong, and fails", () => {
    const count = "must be a whole number from 0 to 1000000"
    const port = "must be a whole number from 0 to 65535"
    const status = "must be a whole number from 400 to 599"
    const duration = 'must be a duration like "250 millis" or "2 seconds"'
    const wait = 'must be a duration of at most "24 days", like "250 millis" or "2 seconds"'
    const oldest = 'must be a duration from "1 second" to "36500 days"'

    it.each([
      ...["-1", "1.5", "many", "1000001", "1e400", ""].map((wrong) => ["--keys", wrong, count]),
      ["--service-accounts", "-1", count],
      ...["-1", "65536", "99999", "http"].map((wrong) => ["--port", wrong, port]),
      ...["-1", "0.5", "none"].map((wrong) => ["--limit", wrong, "must be a whole number from 0"]),
      ...["200", "600", "many"].map((wrong) => ["--limit-status", wrong, status]),
      ...["250", "-1 seconds", "a while", "25 days"].map((wrong) => ["--latency", wrong, wait]),
      ...["2", "-1 hours"].map((wrong) => ["--history", wrong, duration]),
      ...["2", "-1 seconds"].map((wrong) => ["--list-lag", wrong, duration]),
      ...["400", "0 days", "-1 days", "36501 days"].map((wrong) => ["--oldest", wrong, oldest]),
    ])("%s %j", async (option = "", wrong = "", problem) => {
      expect(await outcome(start(option, wrong)))
        .toEqual({ printed: "", errors: `${option} ${problem}\n`, code: 1 })
    })

    it.each([
      [
        '[{}, { "call": 1 }]',
        "faults[1].call is not an option; the nearest is calls; allowed: operation,",
      ],
      [
        '[{ "calls": { "first": 1 } }]',
        "faults[0].calls.first is not an option; allowed: from, to",
      ],
      ['[{ "operation": "explode" }]', 'faults[0].operation must be "createApiKey", "getApiKey",'],
      ['{ "calls": 1 }', "faults must be a list of rules"],
      ["[\n{,}\n\u0007]", "must be JSON: SyntaxError: "],
    ])("a fault file of %j", async (content, problem) => {
      const faults = join(folder, "wrong.json")
      await writeFile(faults, content)
      const { code, errors, printed } = await outcome(start("--faults", faults))
      expect([printed, code]).toEqual(["", 1])
      expect(errors).toMatch(/^[^\n]+\n$/)
      expect(errors).toContain(`--faults ${faults}: ${problem}`)
    })

    it("a port that is in use", async () => {
      const { lines, stop } = await serve()
      const port = /127\.0\.0\.1:(\d+)/.exec(lines.join("\n"))?.[1] ?? ""
      expect(await outcome(start("--port", port))).toEqual({
        printed: "",
        errors:
          `Cannot serve on port ${port}: it is in use. Choose another with --port; 0 picks a free one.\n`,
        code: 1,
      })
      await stop()
    })

    it("a port that is not permitted", async () => {
      // Which ports are permitted depends on the machine, so this fakes the system's answer.
      const refusing = join(folder, "refusing.cjs")
      await writeFile(
        refusing,
        `require("node:net").Server.prototype.listen = function () {
          const refused = Object.assign(new Error("listen EACCES"), { code: "EACCES" })
          setImmediate(() => this.emit("error", refused))
        }`,
      )
      const child = spawn(process.execPath, ["--require", refusing, bin(), "--port", "80"], {
        stdio: ["ignore", "pipe", "pipe"],
      })
      expect(await outcome(child)).toEqual({
        printed: "",
        errors: "Cannot serve on port 80: the system does not let you use it. " +
          "Choose another with --port; 0 picks a free one.\n",
        code: 1,
      })
    })
  })
})
