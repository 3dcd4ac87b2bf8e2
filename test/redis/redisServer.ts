import { execFile, spawn, spawnSync } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { freePort } from "../freePort.ts"

/** A Redis without persistence, on a loopback port of its own. */
export interface RedisServer {
  readonly port: number
  readonly stop: () => Promise<void>
}

/**
 * Why there is no Redis here, or undefined if there is one. In CI a missing Redis is installed from
 * Debian. Elsewhere the tests change no machine.
 */
export const whyNoRedis = async (): Promise<string | undefined> => {
  if (isInstalled("redis-server")) return undefined
  if (process.env["CI"] !== "true") {
    return "redis-server is not installed, and the tests install it only where CI is true"
  }
  if (!isInstalled("apt-get")) return "redis-server is not installed, and there is no apt-get"
  if (process.getuid?.() !== 0) return "redis-server is not installed, and only root may install it"
  const install = ["install", "--yes", "--no-install-recommends", "redis-server"]
  // The second try updates the lists of packages, which may be old or absent.
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
    // Debian starts an installed service, unless the machine is halting (runlevel 0).
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "0" },
  })

/** Starts a Redis, and waits until it accepts connections. */
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
