import { execFile, spawn } from "node:child_process"
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

/** Options of {@link runTool} and {@link withTool}. */
export interface ToolOptions {
  readonly cwd?: string
  /** Environment names to set, or with undefined to take away. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

// A tool is one that `npm ci` installed, or `node` or `npm` themselves. It is never looked for
// anywhere else, so that the versions in package-lock.json are the ones that count.
const pathOf = (tool: string): string =>
  tool === "node" ? process.execPath : tool === "npm" ? tool : `${root}node_modules/.bin/${tool}`

const environment = (options: ToolOptions) => ({
  ...process.env,
  NO_COLOR: "1",
  DENO_NO_UPDATE_CHECK: "1",
  ...options.env,
})

/** Runs a tool to its end. */
export const runTool = (
  tool: string,
  args: ReadonlyArray<string>,
  options: ToolOptions = {},
): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    execFile(
      pathOf(tool),
      args,
      {
        cwd: options.cwd ?? root,
        env: environment(options),
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

/** A tool at work. */
export interface Running {
  /** What it has said so far, on both streams. */
  readonly output: () => string
  /** Sends SIGTERM, and waits for the end; null where the signal, not the tool, made it. */
  readonly stop: () => Promise<number | null>
}

/** Starts a tool that serves something, uses what it serves once it has said where, and stops it. */
export const withTool = async <A>(
  tool: string,
  args: ReadonlyArray<string>,
  options: ToolOptions & { readonly whenItSays: RegExp },
  use: (said: RegExpExecArray, running: Running) => Promise<A>,
): Promise<A> => {
  const child = spawn(pathOf(tool), args, {
    cwd: options.cwd ?? root,
    env: environment(options),
    stdio: ["ignore", "pipe", "pipe"],
  })
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve))
  const stop = () => {
    child.kill()
    return ended
  }
  let output = ""
  try {
    const said = await new Promise<RegExpExecArray>((resolve, reject) => {
      const listen = (data: Buffer) => {
        output += data.toString()
        const match = options.whenItSays.exec(output)
        if (match !== null) resolve(match)
      }
      child.stdout.on("data", listen)
      child.stderr.on("data", listen)
      child.once("error", reject)
      child.once("close", () => reject(new Error(`${tool} ${args.join(" ")} ended:\n${output}`)))
    })
    return await use(said, { output: () => output, stop })
  } finally {
    await stop()
  }
}

/** Fails with all that a tool said, where it ended badly. */
export const expectSuccess = (outcome: Outcome): Outcome => {
  if (outcome.exitCode === 0) return outcome
  throw new Error(
    `${outcome.command} ended with ${outcome.exitCode}\n${outcome.stdout}${outcome.stderr}`,
  )
}
