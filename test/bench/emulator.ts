/**
 * How fast the served emulator is with 100,000 keys.
 *
 * @module
 */
import * as esbuild from "esbuild"
import { spawn } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { fileURLToPath } from "node:url"
import { Pool } from "undici"
import { median, type Row } from "./row.ts"

/** A running emulator. */
export interface Served {
  readonly port: number
  readonly token: string
  readonly serviceAccountId: string
  readonly stop: () => Promise<void>
}

const keyCount = 100_000

/** Bundles the emulator's command, and runs it in a new process, by default without a limit. */
export const serve = async (
  keys: number,
  { latency = 0, limit = 0 }: { readonly latency?: number; readonly limit?: number } = {},
): Promise<Served> => {
  const folder = await mkdtemp(join(tmpdir(), "emulator-bench-"))
  const outfile = join(folder, "emulator.cjs")
  await esbuild.build({
    entryPoints: [fileURLToPath(new URL("../../src/emulator/bin.ts", import.meta.url))],
    bundle: true,
    platform: "node",
    outfile,
    logLevel: "error",
  })
  const child = spawn(process.execPath, [
    outfile,
    "--quiet",
    ...["--port", "0", "--keys", String(keys), "--service-accounts", "100"],
    ...["--limit", String(limit), "--latency", `${latency} millis`],
  ], { stdio: ["ignore", "pipe", "inherit"] })
  const found = { port: 0, token: "", serviceAccountId: "" }
  for await (const line of createInterface(child.stdout)) {
    found.port ||= Number(/COCKROACH_SERVER=.*:(\d+)/.exec(line)?.[1] ?? 0)
    found.token ||= /COCKROACH_API_KEY=(\S+)/.exec(line)?.[1] ?? ""
    found.serviceAccountId ||= /(\S+) {2}NONE/.exec(line)?.[1] ?? ""
    if (line.startsWith("Ctrl-C")) break
  }
  return {
    ...found,
    stop: async () => {
      const exited = new Promise((resolve) => child.once("exit", resolve))
      child.kill("SIGTERM")
      await exited
      await rm(folder, { recursive: true })
    },
  }
}

const request = (served: Served, connections: Pool) =>
async (
  method: "GET" | "POST" | "PATCH" | "DELETE",
  path: string,
  body?: unknown,
): Promise<unknown> => {
  const response = await connections.request({
    method,
    path: `/api/v1/api-keys${path}`,
    headers: {
      authorization: `Bearer ${served.token}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    body: body === undefined ? null : JSON.stringify(body),
  })
  const text = await response.body.text()
  if (response.statusCode === 200) return JSON.parse(text)
  throw new Error(`${method} ${path} answered ${response.statusCode} ${text}`)
}

type Ask = ReturnType<typeof request>

/** What the bench reads of an answer. Each call reads only what its answer holds. */
interface Body {
  readonly api_key: { readonly id: string }
  readonly api_keys: ReadonlyArray<{ readonly id: string }>
  readonly pagination: { readonly next_page?: string }
}

// The emulator's own tests check the form of its answers.
const read = (body: unknown) => body as Body

/** Creates, gets, renames, lists a page of ten and deletes, over and over, on many connections. */
const mixed = async (served: Served, ask: Ask, connections: number, seconds: number) => {
  let count = 0
  const start = performance.now()
  const end = start + seconds * 1000
  const step = async (...call: Parameters<Ask>) => {
    const answer = await ask(...call)
    count += 1
    return read(answer)
  }
  await Promise.all(Array.from({ length: connections }, async () => {
    while (performance.now() < end) {
      const { api_key: { id } } = await step("POST", "", {
        name: "bench",
        service_account_id: served.serviceAccountId,
      })
      await step("GET", `/${id}`)
      await step("PATCH", `/${id}`, { name: "renamed" })
      await step("GET", "?pagination.limit=10")
      await step("DELETE", `/${id}`)
    }
  }))
  return count / ((performance.now() - start) / 1000)
}

/** Walks the whole list, and compares the first tenth of the pages with the last. */
const farAgainstNear = async (ask: Ask) => {
  const millis: Array<number> = []
  let token = ""
  do {
    const start = performance.now()
    const page = read(await ask("GET", `?pagination.limit=100&pagination.page=${token}`))
    millis.push(performance.now() - start)
    token = page.pagination.next_page ?? ""
  } while (token !== "")
  // The first pages warm up.
  const warm = millis.slice(50)
  const tenth = Math.floor(warm.length / 10)
  return { near: median(warm.slice(0, tenth)), far: median(warm.slice(-tenth)) }
}

/** Measures the served emulator. */
export const emulatorBench = async (): Promise<ReadonlyArray<Row>> => {
  const served = await serve(keyCount)
  const connections = new Pool(`http://127.0.0.1:${served.port}`, { connections: 16 })
  try {
    const ask = request(served, connections)
    await mixed(served, ask, 16, 1)
    const perSecond = await mixed(served, ask, 16, 4)
    const { far, near } = await farAgainstNear(ask)
    return [
      {
        what: `emulator: requests a second, mixed, with ${keyCount} keys`,
        measured: perSecond.toFixed(0),
        target: ">= 2000",
        pass: perSecond >= 2000,
      },
      {
        what: "emulator: a page at the far end against one at the near end",
        measured: `${(far / near).toFixed(2)} (${far.toFixed(2)} ms, ${near.toFixed(2)} ms)`,
        target: "<= 1.25",
        pass: far / near <= 1.25,
      },
    ]
  } finally {
    await connections.destroy()
    await served.stop()
  }
}
