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
import { keys } from "./call.ts"

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

const finish = async (child: ChildProcess) => {
  const [code] = child.exitCode === null ? await once(child, "exit") : [child.exitCode]
  return code
}

/** Serves, and reads what is printed up to where it says that it is ready. */
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
        ...["port", "keys", "service-accounts", "limit", "latency", "seed", "faults", "quiet"],
      ]
    ) {
      expect(help).toContain(`--${option}`)
    }
    expect(await finish(child)).toBe(0)
  })

  it("prints what it takes to call it, and logs a line a request", async () => {
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

  it("orders the faults of a file", async () => {
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
      // The server has the request once it has the bytes: a second connection tells that it reads.
      await ask("/elsewhere", { signal: AbortSignal.timeout(200) }).catch(() => undefined)
      child.kill(signal)
      expect(await finish(child)).toBe(0)
      expect(await waiting).toBe("broken off")
    })
  }

  it("says what is wrong with a fault file, and fails", async () => {
    const faults = join(folder, "wrong.json")
    await writeFile(faults, '[{ "operation": "explode" }]')
    const child = start("--faults", faults)
    const [printed, errors] = await Promise.all([text(child.stdout), text(child.stderr)])
    expect(await finish(child)).toBe(1)
    expect(printed + errors).toContain('Expected "createApiKey", actual "explode"')
  })

  it("says that its port is taken, and fails", async () => {
    const { lines, stop } = await serve()
    const port = /127\.0\.0\.1:(\d+)/.exec(lines.join("\n"))?.[1] ?? ""
    const second = start("--port", port)
    expect(await text(second.stderr)).toContain(`Port ${port} cannot be served on`)
    expect(await finish(second)).toBe(1)
    await stop()
  })
})
