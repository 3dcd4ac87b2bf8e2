import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Scope from "effect/Scope"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { expectSuccess, runTool } from "../tool.ts"
import { serve } from "./stage.ts"
import { type Setting, type StepResult, steps, tell } from "./story.ts"

/** Tells the story on a runtime. */
type Runtime = (setting: Setting) => Promise<ReadonlyArray<StepResult>>

/** In a process of its own; the setting goes along as an argument, the results come back as lines. */
const spawned =
  (tool: string, args: (setting: Setting) => ReadonlyArray<string>): Runtime => async (setting) => {
    const all = [...args(setting), "test/runtimes/main.ts", JSON.stringify(setting)]
    const { stdout } = expectSuccess(await runTool(tool, all))
    return stdout.trim().split("\n").map((line): StepResult => JSON.parse(line))
  }

const runtimes: Readonly<Record<string, Runtime>> = {
  Node: tell,
  // The network address that it calls is all that it may use: no environment, no file, no more.
  Deno: spawned("deno", ({ baseUrl }) => [
    "run",
    "--no-prompt",
    "--cached-only",
    `--allow-net=${new URL(baseUrl).host}`,
  ]),
  Bun: spawned("bun", () => ["run"]),
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
