/**
 * The same walk with the module and with openapi-fetch, a loop by hand and zod.
 *
 * @module
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { walkAlone } from "./alone.ts"
import { serve } from "./emulator.ts"
import { type Line, root } from "./lines.ts"
import type { Setting } from "./pages.ts"
import type { Walked } from "./report.ts"
import { median } from "./row.ts"

/** A client, and the medians of its walks. */
export interface Client {
  readonly client: string
  readonly seconds: string
  readonly "of these on the processor": string
  readonly "peak memory": string
  readonly "over idle": string
  readonly "lines of user code": number
}

const clients: Readonly<Record<Line, Readonly<Record<string, string>>>> = {
  3: {
    apiKeys: "@effect-crdb/api-keys, on Effect 3",
    openapiFetch: "openapi-fetch, a loop by hand, zod",
  },
  4: { apiKeys: "the same, on Effect 4" },
}
const keys = 100_000
const pageSize = 500
const walks = 5

/** Lines that are neither empty nor a comment, imports included. */
const linesOf = (client: string): number =>
  readFileSync(join(root, `test/bench/clients/${client}.ts`), "utf8")
    .split("\n")
    .filter((line) => !/^\s*(?:\/\/|\/?\*|$)/.test(line))
    .length

/** Walks with each client in turn, each time in a new process. */
export const clientsBench = async (line: Line): Promise<ReadonlyArray<Client>> => {
  const small = await serve(keys / 20)
  const large = await serve(keys)
  const settingOf = ({ port, token }: typeof small): Setting => ({
    baseUrl: `http://127.0.0.1:${port}`,
    token,
    pageSize,
  })
  const walked: Record<string, Array<Walked>> = {}
  try {
    for (let i = 0; i < walks; i++) {
      for (const client of Object.keys(clients[line])) {
        const one = await walkAlone(line, client, settingOf(small), settingOf(large))
        if (one.keys < keys) throw new Error(`${client} found ${one.keys} keys of ${keys}`)
        ;(walked[client] ??= []).push(one)
      }
    }
  } finally {
    await Promise.all([small.stop(), large.stop()])
  }
  return Object.entries(clients[line]).map(([client, name]) => {
    const middle = (of: (one: Walked) => number) => median((walked[client] ?? []).map(of))
    const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`
    return {
      client: name,
      seconds: (middle(({ millis }) => millis) / 1000).toFixed(2),
      "of these on the processor": (middle(({ cpuMillis }) => cpuMillis) / 1000).toFixed(2),
      "peak memory": mebibytes(middle(({ peak }) => peak)),
      "over idle": mebibytes(middle(({ idle, peak }) => peak - idle)),
      "lines of user code": linesOf(client),
    }
  })
}
