import { execFile, spawn, spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { freePort } from "../freePort.ts"

/** A Redis that keeps nothing, on a loopback port of its own. */
export interface RedisServer {
  readonly port: number
  readonly stop: () => Promise<void>
}

/**
 * Why no Redis can be had here; undefined where one can. Where it is missing it is installed from
 * Debian, but in CI alone: nobody's own machine is changed.
 */
export const whyNoRedis = async (): Promise<string | undefined> => {
  if (isInstalled("redis-server")) return undefined
  if (process.env["CI"] !== "true") {
    return "redis-server is not installed, which the tests do where CI is true alone"
  }
  if (!isInstalled("apt-get")) return "redis-server is not installed, and there is no apt-get"
  if (process.getuid?.() !== 0) return "redis-server is not installed, and only root may install it"
  const install = ["install", "--yes", "--no-install-recommends", "redis-server"]
  // Lists of packages that are old or absent are brought up to date at the second try.
  for (const steps of [[install], [["update"], install]]) {
    try {
      for (const args of steps) await aptGet(args)
      return undefined
    } catch {
      continue
    }
  }
  return "redis-server is not installed, and apt-get could not install it"
}

const isInstalled = (program: string): boolean =>
  spawnSync(program, ["--version"]).error === undefined

const aptGet = (args: ReadonlyArray<string>) =>
  promisify(execFile)("apt-get", args, {
    timeout: 60_000,
    // Debian starts a service when it is installed, unless it believes that the machine is halting.
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "0" },
  })

/** Starts a Redis, and waits until it can be used. */
export const startRedis = async (): Promise<RedisServer> => {
  const directory = await mkdtemp(join(tmpdir(), "redis-"))
  const port = await freePort()
  const server = spawn("redis-server", [
    ...["--bind", "127.0.0.1", "--port", String(port), "--dir", directory],
    ...["--save", "", "--appendonly", "no"],
  ])
  const ended = new Promise<void>((resolve) => server.once("exit", () => resolve()))
  await new Promise<void>((resolve, reject) => {
    let said = ""
    server.stdout.on("data", (chunk) => {
      said += chunk
      if (said.includes("Ready to accept connections")) resolve()
    })
    server.once("error", reject)
    server.once("exit", () => reject(new Error(`redis-server did not start:\n${said}`)))
  })
  return {
    port,
    stop: async () => {
      server.kill()
      await ended
      await rm(directory, { recursive: true })
    },
  }
}
