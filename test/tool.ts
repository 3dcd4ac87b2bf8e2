import { execFile, spawn } from "node:child_process"
import { fileURLToPath } from "node:url"

/** The folder of package.json. */
export const root: string = fileURLToPath(new URL("..", import.meta.url))

/** What a tool printed on each stream, and how it ended. */
export interface Outcome {
  readonly command: string
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Options of {@link runTool} and {@link withTool}. */
export interface ToolOptions {
  readonly cwd?: string
  /** Variables to set, or to unset with undefined. */
  readonly env?: Readonly<Record<string, string | undefined>>
}

// A tool is `node`, `npm`, or one that `npm ci` installed. No other place is searched, so that the
// versions in package-lock.json count.
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
        // A tool without an exit code did not start, or was killed.
        if (typeof exitCode !== "number") return reject(error)
        resolve({ command: [tool, ...args].join(" "), exitCode, stdout, stderr })
      },
    )
  })

/** A running tool. */
export interface Running {
  /** What it has printed so far, on both streams. */
  readonly output: () => string
  /** Sends SIGTERM, and waits for the exit code, which is null if the signal ended the tool. */
  readonly stop: () => Promise<number | null>
}

/** Starts a server, runs `use` once its output matches `whenItSays`, and stops it. */
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

/** Fails with a tool's output if its exit code is not 0. */
export const expectSuccess = (outcome: Outcome): Outcome => {
  if (outcome.exitCode === 0) return outcome
  throw new Error(
    `${outcome.command} ended with ${outcome.exitCode}\n${outcome.stdout}${outcome.stderr}`,
  )
}
