import { spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { clean } from "../exampleStage.ts"
import { freePort } from "../freePort.ts"
import { expectSuccess, root, runTool } from "../tool.ts"

/** `npm run test:nodes` skips these tests, since one Node is enough. */
export const isSkipped: boolean = process.env["WITHOUT_CLUSTER"] === "true"

/** Makes a folder with the rotator in it. A machine starts three times as fast from one file. */
export const bundleRotator = async (): Promise<string> => {
  const folder = fs.mkdtempSync(path.join(root, "node_modules/.cluster-"))
  expectSuccess(
    await runTool("esbuild", [
      "examples/rotator.ts",
      "--bundle",
      "--platform=node",
      "--external:pg-native",
      "--log-level=error",
      `--outfile=${path.join(folder, "rotator.cjs")}`,
    ]),
  )
  return folder
}

export interface Machine {
  readonly kill: () => Promise<void>
  readonly signal: (signal: NodeJS.Signals) => void
}

/** Starts the rotator from its folder, and waits until it has said something. */
export const startMachine = async (
  { env, folder, nodeOptions = [], said, whenItSays }: {
    readonly folder: string
    readonly env: Readonly<Record<string, string | undefined>>
    readonly nodeOptions?: ReadonlyArray<string>
    /** Gets all that it says. */
    readonly said: Array<string>
    readonly whenItSays: string
  },
): Promise<Machine> => {
  const child = spawn(process.execPath, [...nodeOptions, path.join(folder, "rotator.cjs")], {
    env: { ...process.env, ...clean, ...env, PORT: String(await freePort()) },
    stdio: ["ignore", "pipe", "pipe"],
  })
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()))
  await new Promise<void>((resolve, reject) => {
    const listen = (data: Buffer) => {
      said.push(data.toString())
      if (data.includes(whenItSays)) resolve()
    }
    child.stdout.on("data", listen)
    child.stderr.on("data", listen)
    child.once("error", reject)
    child.once("close", () => reject(new Error("a machine ended before it was there")))
  })
  return {
    signal: (signal) => void child.kill(signal),
    kill: () => {
      child.kill("SIGKILL")
      return ended
    },
  }
}
