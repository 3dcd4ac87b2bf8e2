import { execFile } from "node:child_process"
import { fileURLToPath } from "node:url"

/** Where package.json is. */
export const root: string = fileURLToPath(new URL("..", import.meta.url))

/** What a tool said, in the order in which it came on each stream, and how it ended. */
export interface Outcome {
  readonly command: string
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Options of {@link runTool}. */
export interface ToolOptions {
  readonly cwd?: string
  /** Environment names to set, or with undefined to take away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

/**
 * Runs a tool that `npm ci` installed, or `node` or `npm` themselves, to its end. It is never
 * looked for anywhere else, so that the versions in package-lock.json are the ones that count.
 */
export const runTool = (
  tool: string,
  args: ReadonlyArray<string>,
  options: ToolOptions = {},
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    execFile(
      tool === "node"
        ? process.execPath
        : tool === "npm"
        ? tool
        : `${root}node_modules/.bin/${tool}`,
      args,
      {
        cwd: options.cwd ?? root,
        env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...options.env },
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => {
        const exitCode = error === null ? 0 : error.code
        // Without an exit code the tool did not start, or was killed.
        if (typeof exitCode !== "number") return reject(error)
        resolve({ command: [tool, ...args].join(" "), exitCode, stdout, stderr })
      },
    )
  })

/** Fails with all that a tool said, where it ended badly. */
export const expectSuccess = (outcome: Outcome): Outcome => {
  if (outcome.exitCode === 0) return outcome
  throw new Error(
    `${outcome.command} ended with ${outcome.exitCode}\n${outcome.stdout}${outcome.stderr}`,
  )
}
