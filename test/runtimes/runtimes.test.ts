import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import * as esbuild from "esbuild"
import { Miniflare } from "miniflare"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { secondLineBundle } from "../../effect4/test/secondLine.ts"
import { expectSuccess, runTool } from "../tool.ts"
import { serve } from "./stage.ts"
import { type Setting, type StepResult, steps, tell } from "./story.ts"

/** Tells the story on a runtime. */
type Runtime = (setting: Setting) => Promise<ReadonlyArray<StepResult>>

/** Bundles the story into one file, as for an edge runtime. */
const bundled = async (name: string, options: esbuild.BuildOptions): Promise<string> => {
  const { outputFiles } = await esbuild.build({
    entryPoints: [fileURLToPath(new URL(name, import.meta.url))],
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    platform: "neutral",
    mainFields: ["module"],
    write: false,
    ...options,
  })
  return outputFiles?.[0]?.text ?? ""
}

/** Tells it in a new process. The setting is its argument, and the results are its lines. */
const spawned = async (tool: string, args: ReadonlyArray<string>, setting: Setting) => {
  const { stdout } = expectSuccess(await runTool(tool, [...args, JSON.stringify(setting)]))
  return stdout.trim().split("\n").map((line): StepResult => JSON.parse(line))
}

const bundle =
  (tool: string, args: ReadonlyArray<string>, plugins: Array<esbuild.Plugin>): Runtime =>
  async (setting) => {
    const folder = mkdtempSync(join(tmpdir(), "story-"))
    try {
      const file = join(folder, "story.mjs")
      writeFileSync(file, await bundled("main.ts", { plugins, external: ["node:process"] }))
      return await spawned(tool, [...args, file], setting)
    } finally {
      rmSync(folder, { recursive: true })
    }
  }

const workerd = (plugins: Array<esbuild.Plugin>): Runtime => async (setting) => {
  const miniflare = new Miniflare({
    modules: true,
    script: await bundled("worker.ts", { plugins, conditions: ["workerd", "worker"] }),
    compatibilityDate: "2026-04-01",
  })
  try {
    const response = await miniflare.dispatchFetch("http://worker.invalid/", {
      method: "POST",
      body: JSON.stringify(setting),
    })
    const text = await response.text()
    if (!response.ok) throw new Error(text)
    // The worker answers with results.
    return JSON.parse(text)
  } finally {
    await miniflare.dispose()
  }
}

// Deno permits only the network address of the stage.
const inDeno = ({ baseUrl }: Setting) => [
  "run",
  "--no-prompt",
  "--cached-only",
  `--allow-net=${new URL(baseUrl).host}`,
]

const runtimes: Readonly<Record<string, Runtime>> = {
  "Effect 3 on Node": tell,
  "Effect 3 on Deno": (setting) =>
    spawned("deno", [...inDeno(setting), "test/runtimes/main.ts"], setting),
  "Effect 3 on Bun": bundle("bun", ["run"], []),
  "Effect 3 on workerd": workerd([]),
  "Effect 4 on Node": bundle("node", [], [secondLineBundle]),
  "Effect 4 on Deno": (setting) => bundle("deno", inDeno(setting), [secondLineBundle])(setting),
  "Effect 4 on Bun": bundle("bun", ["run"], [secondLineBundle]),
  "Effect 4 on workerd": workerd([secondLineBundle]),
}

const names = Object.keys(steps({
  baseUrl: "",
  tokens: { admin: "", withoutRole: "", jwt: "" },
  vanityName: "",
  username: "",
  serviceAccountId: "",
  keyIds: [],
}))

describe.each(Object.entries(runtimes))("%s", (_, runtime) => {
  const scope = Effect.runSync(Scope.make())
  let results: ReadonlyArray<StepResult> = []

  beforeAll(async () => {
    results = await runtime(await Effect.runPromise(Scope.extend(serve, scope)))
  }, 300_000)
  afterAll(() => Effect.runPromise(Scope.close(scope, Exit.void)))

  it.each(names)("%s", (name) => {
    const result = results.find(({ step }) => step === name)
    if (result?.failure !== undefined) expect.fail(result.failure)
    expect(result).toEqual({ step: name })
  })
})
