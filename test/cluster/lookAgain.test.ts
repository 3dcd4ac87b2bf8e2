import { apiKeyIdOf, Credentials, deleteApiKey } from "@effect-crdb/api-keys"
import * as HttpClient from "@effect/platform/HttpClient"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import * as path from "node:path"
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest"
import { openStage } from "../exampleStage.ts"
import { bundleRotator, isSkipped, startMachine } from "./machine.ts"

let folder = ""

beforeAll(async () => {
  folder = await bundleRotator()
})
afterAll(() => fs.rmSync(folder, { recursive: true }))

/** A machine without a database, in the middle of its rotation of an old key. */
const rotateOne = async (
  env: Readonly<Record<string, string>>,
  onTestFinished: (close: () => Promise<void>) => void,
  nodeOptions: ReadonlyArray<string> = [],
) => {
  const { baseUrl, close, emulator, secret } = await openStage({})
  onTestFinished(close)
  const account = await Effect.runPromise(emulator.addServiceAccount())
  const add = (name: string, age: number) =>
    Effect.gen(function* () {
      const createdAt = DateTime.subtract(yield* DateTime.now, { days: age })
      const created = yield* emulator.addApiKey({ name, createdAt, serviceAccountId: account.id })
      return { id: created.apiKey.id, secret: Redacted.value(created.secret) }
    }).pipe(Effect.runPromise)
  const old = await add("old", 100)
  const secrets = fs.mkdtempSync(path.join(folder, "secrets-"))
  const file = path.join(secrets, encodeURIComponent(`${account.id}.old`))
  fs.writeFileSync(file, old.secret)

  const said: Array<string> = []
  const machine = await startMachine({
    folder,
    env: {
      SCHEDULE: "* * * * * *",
      GRACE: "4 seconds",
      LEASE: "4 seconds",
      COCKROACH_SERVER: baseUrl,
      COCKROACH_API_KEY: secret,
      SECRETS: secrets,
      ...env,
    },
    nodeOptions,
    said,
    whenItSays: "is waiting: its file holds",
  })
  onTestFinished(machine.kill)
  return {
    old,
    file,
    signal: machine.signal,
    add,
    live: () =>
      Effect.runPromise(emulator.apiKeys).then((keys) => keys.map(({ id }): string => id)),
    remove: (id: string) =>
      deleteApiKey(id).pipe(
        Effect.provideService(HttpClient.HttpClient, emulator.httpClient),
        Effect.provideService(Credentials, emulator.admin.credentials),
        Effect.runPromise,
      ),
    /** What it has said, line by line. */
    lines: () => said.join("").split("\n"),
  }
}

const until = (condition: () => boolean | Promise<boolean>) =>
  vi.waitFor(async () => expect(await condition()).toBe(true), { timeout: 60_000, interval: 50 })

describe.skipIf(isSkipped).concurrent("after the end of a key's workflow, the next look", () => {
  it.for(["a young key", "a key that is gone"])(
    "goes on with the rotation, if the file held %s for a moment",
    async (what, { onTestFinished }) => {
      const { add, file, lines, live, old, remove } = await rotateOne(
        { RETRY_AFTER: "100 millis" },
        onTestFinished,
      )
      const successor = fs.readFileSync(file, "utf8")
      expect(successor).not.toBe(old.secret)
      const other = await add("other", 1)
      if (what === "a key that is gone") await remove(other.id)
      fs.writeFileSync(file, other.secret)
      await until(() => lines().some((line) => /is (done|left to the next look): /.test(line)))
      expect(await live()).toContain(old.id)

      fs.writeFileSync(file, successor)
      await until(async () => !(await live()).includes(old.id))
      const held = apiKeyIdOf(Redacted.make(successor.trim()))
      expect(await live()).toContain(Option.getOrThrow(held))
    },
  )

  it("starts none for a key that is lost, and the ended one has done only a few runs", async ({ onTestFinished }) => {
    const { file, lines, live, old, remove } = await rotateOne(
      { RETRY_AFTER: "10 millis" },
      onTestFinished,
    )
    const successor = apiKeyIdOf(Redacted.make(fs.readFileSync(file, "utf8").trim()))
    fs.rmSync(file)
    await remove(old.id)
    await remove(Option.getOrThrow(successor))
    expect(await live()).not.toContain(old.id)

    const ended = () => lines().findIndex((line) => line.includes("is left to the next look: "))
    await until(() => ended() >= 0)
    const looksAfter = () => lines().slice(ended()).filter((line) => line.includes(" to rotate"))
    await until(() => looksAfter().length > 2)
    expect(new Set(looksAfter())).toEqual(new Set(["3 keys, 0 of them to rotate"]))
    expect(lines().filter((line) => line.startsWith('"old" of ')).length).toBe(10)
  })
})

it.skipIf(isSkipped)(
  "looks again after a month, and ends a grace of a month, though no timer waits so long",
  async ({ onTestFinished }) => {
    const { lines, live, old, signal } = await rotateOne(
      // A busy machine may be at work while days are skipped, and fail then.
      { SCHEDULE: "0 3 1 * *", GRACE: "30 days", RETRY_AFTER: "100 millis" },
      onTestFinished,
      ["--import", new URL("skipDays.mjs", import.meta.url).href],
    )
    signal("SIGUSR2")
    await until(async () => !(await live()).includes(old.id))
    await until(() => lines().filter((line) => line.includes(" to rotate")).length > 3)
  },
)

it.skipIf(isSkipped)("refuses a schedule that never comes", async () => {
  const said: Array<string> = []
  const machine = startMachine({
    folder,
    env: { SCHEDULE: "0 0 30 2 *", SECRETS: folder, COCKROACH_API_KEY: "CCDB1_a_b" },
    said,
    whenItSays: " to rotate",
  })
  await expect(machine).rejects.toThrow("ended before")
  expect(said.join("")).toContain('"0 0 30 2 *" has no next date')
})
