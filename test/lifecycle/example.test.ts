import { type ApiKey, Credentials, deleteApiKey } from "@effect-crdb/api-keys"
import * as Emulator from "@effect-crdb/api-keys/emulator"
import type { HttpClient } from "@effect/platform/HttpClient"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import * as os from "node:os"
import * as path from "node:path"
import { describe, expect, it } from "vitest"
import { servedEmulator } from "../servedEmulator.ts"
import { expectSuccess, type Outcome, root, runTool } from "../tool.ts"

const names = ["API_KEY", "API_JWT", "VANITY_NAME", "USERNAME", "SERVER"]
  .map((name) => `COCKROACH_${name}`)

interface Example {
  readonly emulator: Emulator.EmulatorService
  readonly folder: string
  readonly rotate: (...args: ReadonlyArray<string>) => Promise<Outcome>
  /** The same in `folder`, with these permissions for files. */
  readonly permitted: (
    permissions: ReadonlyArray<string>,
    ...args: ReadonlyArray<string>
  ) => Promise<Outcome>
  readonly remove: (id: string) => Promise<void>
  /** Adds an old key of this name to the account without a role. */
  readonly add: (name: string) => Promise<ApiKey>
  /** The same, with its secret in its file. Also returns the file's path. */
  readonly addKept: (name: string) => Promise<ApiKey & { readonly file: string }>
}

/**
 * An organization with keys of these ages, and a way to run the script with minimal permissions.
 */
const withExample = (
  days: ReadonlyArray<number>,
  use: (example: Example) => Promise<void>,
): Promise<void> =>
  Effect.gen(function* () {
    const emulator = yield* Emulator.Emulator
    const { baseUrl } = yield* Credentials
    const now = yield* DateTime.now
    for (const age of days) {
      yield* emulator.addApiKey({
        name: `of ${age}/days`,
        createdAt: DateTime.subtract(now, { days: age }),
      })
    }
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rotate-"))
    const permitted: Example["permitted"] = (permissions, ...args) =>
      runTool("deno", [
        "run",
        "--no-prompt",
        "--cached-only",
        "--allow-net=127.0.0.1",
        `--allow-env=${names.join()}`,
        ...permissions,
        path.join(root, "examples/rotate.ts"),
        ...args,
      ], {
        cwd: folder,
        env: {
          ...Object.fromEntries(names.map((name) => [name, undefined])),
          COCKROACH_API_KEY: Redacted.value(emulator.admin.secret),
          COCKROACH_SERVER: baseUrl,
        },
      })
    const rotate: Example["rotate"] = (...args) =>
      permitted([`--allow-read=${folder}`, `--allow-write=${folder}`], ...args)
    const context = yield* Effect.context<HttpClient | Credentials>()
    const remove = (id: string) =>
      Effect.runPromise(Effect.provide(Effect.asVoid(deleteApiKey(id)), context))
    const make = (name: string) =>
      Effect.runPromise(emulator.addApiKey({
        name,
        createdAt: DateTime.subtract(now, { days: 100 }),
      }))
    const add = (name: string) => make(name).then(({ apiKey }) => apiKey)
    const addKept = async (name: string) => {
      const { apiKey, secret } = await make(name)
      const file = path.join(folder, apiKey.serviceAccountId, name)
      fs.mkdirSync(path.dirname(file), { recursive: true })
      fs.writeFileSync(file, Redacted.value(secret))
      return { ...apiKey, file }
    }
    yield* Effect.promise(() => use({ add, addKept, emulator, folder, permitted, remove, rotate }))
      .pipe(
        Effect.ensuring(Effect.sync(() => fs.rmSync(folder, { recursive: true }))),
      )
  }).pipe(Effect.provide(servedEmulator({ rateLimit: "none" })), Effect.runPromise)

const filesIn = (folder: string): ReadonlyArray<string> =>
  fs.readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((file) => path.join(folder, file))
    .filter((file) => fs.statSync(file).isFile())
    .sort()

describe.concurrent("examples/rotate.ts", () => {
  it("rotates the old keys into files that nobody else can read, then has nothing to do", () =>
    withExample([400, 91, 89], async ({ emulator, folder, rotate }) => {
      const before = await Effect.runPromise(emulator.apiKeys)
      const outcome = await rotate(folder, "--adopt", "--grace", "10 millis")
      expect(outcome.stderr).toBe("")
      expect(outcome.exitCode).toBe(0)
      const lines = outcome.stdout.trim().split("\n")
      expect(lines.at(-1)).toBe("2 of 2 keys rotated")

      const files = filesIn(folder)
      expect(files.map((file) => path.basename(file))).toEqual([
        "of%20400%2Fdays",
        "of%2091%2Fdays",
      ])
      const keys = await Effect.runPromise(emulator.apiKeys)
      for (const file of files) {
        expect(fs.statSync(file).mode & 0o777).toBe(0o600)
        const secret = fs.readFileSync(file, "utf8")
        expect(secret).toMatch(/^CCDB1_\w{22}_\w{40}\n$/)
        expect(outcome.stdout).not.toContain(secret.trim())
        const key = keys.find(({ id }) => secret.startsWith(`${id}_`))
        expect(encodeURIComponent(key?.name ?? "?")).toBe(path.basename(file))
        const replaced = before.find(({ name }) => name === key?.name)
        expect(lines).toContain(`${replaced?.id} -> ${key?.id} in ${file} (made)`)
      }
      expect(keys.length).toBe(before.length)

      const again = await rotate(folder)
      expect([again.exitCode, again.stdout]).toEqual([0, "0 of 0 keys rotated\n"])
    }))

  /** The permissions for files that the script says it needs. */
  const documented = fs.readFileSync(path.join(root, "examples/rotate.ts"), "utf8")
    .match(/--allow-(?:read|write)=\S+/g) ?? []

  it("makes its directory with the permissions that it documents", () =>
    withExample([400, 91], async ({ folder, permitted }) => {
      expect(documented).toEqual(["--allow-read=secrets", "--allow-write=secrets"])
      const outcome = await permitted(documented, "secrets", "--adopt", "--grace", "1 millis")
      expect([outcome.exitCode, outcome.stderr]).toEqual([0, ""])
      expect(outcome.stdout).toContain("2 of 2 keys rotated")
      expect(filesIn(path.join(folder, "secrets")).length).toBe(2)
      expect(fs.statSync(path.join(folder, "secrets")).mode & 0o777).toBe(0o700)
    }))

  it.each([["with --adopt", false], ["in place of a file", true]])(
    "makes no key that it could not write %s, and says why",
    (_, isKept) =>
      withExample([], async ({ add, addKept, emulator, folder, permitted }) => {
        const { id } = await (isKept ? addKept("billing") : add("billing"))
        const reading = [`--allow-read=${folder}`]
        const { exitCode, stderr } = await permitted(reading, folder, "--adopt")
        expect(exitCode).toBe(1)
        expect(stderr).toMatch(
          new RegExp(`^${id} failed: .*/billing: .* Requires write access .*\n$`),
        )
        expect(await Effect.runPromise(emulator.history)).toEqual([])
      }),
  )

  it("says what to do about a key whose file it could not write after all", () =>
    withExample([], async ({ add, emulator, folder, remove, rotate }) => {
      const { id, serviceAccountId } = await add("billing")
      // The proof takes long enough to put a dangling link in the folder's place. There a read
      // finds no secret, and a write fails.
      await Effect.runPromise(emulator.setFaults([
        { operation: "getApiKey", fault: { _tag: "DripBody", every: "300 millis" } },
      ]))
      const adopt = () => rotate(folder, "--adopt", "--grace", "1 millis")
      const account = path.join(folder, serviceAccountId)
      const running = adopt()
      const successor = async () =>
        (await Effect.runPromise(emulator.apiKeys)).find(({ name }) => name.includes(id))
      await expect.poll(successor, { timeout: 60_000 }).toBeDefined()
      fs.rmdirSync(account)
      fs.symlinkSync("nowhere", account)
      const made = (await successor())?.id ?? expect.fail("it is made")
      const broken = await running
      expect(broken.exitCode).toBe(1)
      const [first, second, third] = broken.stderr.split("\n")
      expect(first).toContain(`${id} failed: rotation: the secret store failed`)
      expect(second).toMatch(/^ {2}The store: AlreadyExists: .*makeDirectory/)
      expect(third).toBe(
        `  If ${account}/billing does not exist, delete ${made} before you run this again`,
      )
      expect(broken.stderr).not.toMatch(/CCDB1_\w{22}_/)

      await Effect.runPromise(emulator.setFaults([]))
      fs.rmSync(account)
      const refused = await adopt()
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringContaining(`${account}/billing does not exist. If another directory holds`),
      ])
      expect(refused.stderr).toContain(`If none does, delete ${made} (in the Cloud Console, or`)
      await remove(made)
      expectSuccess(await adopt())
      expect(filesIn(folder)).toEqual([path.join(account, "billing")])
    }))

  it("goes on with a rotation that was broken off although its key is new", () =>
    withExample([400], async ({ emulator, folder, rotate }) => {
      const keys = await Effect.runPromise(emulator.apiKeys)
      const { id = "", serviceAccountId = "" } = keys.find(({ name }) => name === "of 400/days") ??
        {}
      const { apiKey, secret } = await Effect.runPromise(
        emulator.addApiKey({ name: `of 9/days [rotates ${id} 1a2b3c4d]`, serviceAccountId }),
      )
      fs.mkdirSync(path.join(folder, serviceAccountId))
      fs.writeFileSync(path.join(folder, serviceAccountId, "of%209%2Fdays"), Redacted.value(secret))
      // The predecessor is too young to be found in another way.
      const { exitCode, stdout } = await rotate(
        folder,
        "--older-than",
        "500 days",
        "--grace",
        "1 millis",
      )
      expect(exitCode).toBe(0)
      expect(stdout).toMatch(
        new RegExp(`^${id} -> ${apiKey.id} in .*/of%209%2Fdays \\(resumed\\)$`, "m"),
      )
      const left = (await Effect.runPromise(emulator.apiKeys)).filter((key) =>
        key.name.includes("days")
      )
      expect(left.map((key) => [key.id, key.name])).toEqual([[apiKey.id, "of 9/days"]])
    }))

  it("shows its plan as a table and changes nothing with --dry-run", () =>
    withExample([400, 91, 89], async ({ emulator, folder, rotate }) => {
      const { exitCode, stdout } = await rotate(folder, "--adopt", "--grace", "1 day", "--dry-run")
      expect(exitCode).toBe(0)
      expect(stdout).toContain(
        "2 keys to rotate: each old key is deleted 1 day after its new one is made\n",
      )
      expect(stdout).toMatch(/│ .*"of 400\/days".* │/)
      expect(stdout).not.toContain("of 89")
      expect(filesIn(folder)).toEqual([])
      expect(await Effect.runPromise(emulator.history)).toEqual([])
    }))

  it("waits for nothing with --once, says when to come back, and goes on then", () =>
    withExample([], async ({ addKept, emulator, folder, permitted, rotate }) => {
      const kept = await addKept("billing")
      const first = await rotate(folder, "--grace", "3 seconds", "--once")
      expect([first.exitCode, first.stderr]).toEqual([3, ""])
      expect(first.stdout).toMatch(/ -> CCDB1_\w+ in .*billing \(waiting until 20[^)]+Z\)\n/)
      expect(first.stdout).toContain("0 of 1 keys rotated\n")
      expect(first.stdout).toMatch(/1 of 1 keys wait: run it again at 20\S+Z or later\n$/)
      const ids = async () => (await Effect.runPromise(emulator.apiKeys)).map(({ id }) => id)
      expect(await ids()).toContain(kept.id)

      await new Promise((resolve) => setTimeout(resolve, 3000))
      // Only a deletion is left, which needs no permission to write.
      const reading = [`--allow-read=${folder}`]
      const second = await permitted(reading, folder, "--grace", "3 seconds", "--once")
      expect([second.exitCode, second.stderr]).toEqual([3, ""])
      expect(await ids()).not.toContain(kept.id)
      // A key loses its mark when it is two leases old.
      const successor = (await Effect.runPromise(emulator.apiKeys)).at(-1)
      expect(successor?.name).toBe(`billing [rotates ${kept.id} ${successor?.name.slice(-9)}`)
    }))

  it("goes on if one key fails, names it, and ends with status 1", () =>
    withExample([], async ({ addKept, emulator, rotate, folder }) => {
      await addKept("billing")
      await addKept("ledger")
      await Effect.runPromise(emulator.setFaults([
        { operation: "createApiKey", calls: 1, fault: { _tag: "Respond", status: 403 } },
      ]))
      const { exitCode, stderr, stdout } = await rotate(folder, "--grace", "1 millis")
      expect(exitCode).toBe(1)
      expect(stdout).toContain("1 of 2 keys rotated")
      expect(stderr).toMatch(/^CCDB1_\w+ failed: rotation: createApiKey: /)
    }))

  it("refuses a key whose file does not exist, and says why, also with --dry-run", () =>
    withExample([400], async ({ addKept, emulator, folder, rotate }) => {
      const kept = await addKept("billing")
      const before = await Effect.runPromise(emulator.apiKeys)
      const { id } = before.find(({ name }) => name === "of 400/days") ??
        expect.fail("there is one")
      for (const args of [["--dry-run"], ["--grace", "1 millis"]]) {
        const { exitCode, stderr } = await rotate(folder, ...args)
        expect(exitCode).toBe(1)
        expect(stderr).toMatch(
          new RegExp(`^${id} failed: .*/of%20400%2Fdays does not exist: .* --adopt .*\n$`),
        )
      }
      const left = (await Effect.runPromise(emulator.apiKeys)).map((key) => key.id)
      expect(before.map((key) => key.id).filter((id) => !left.includes(id))).toEqual([kept.id])
      expect(filesIn(folder)).toEqual([kept.file])
    }))

  it("with --adopt refuses a key that may be in rotation from another directory", () =>
    withExample([], async ({ add, emulator, folder, rotate }) => {
      const { id, serviceAccountId } = await add("billing")
      const { apiKey } = await Effect.runPromise(
        emulator.addApiKey({ name: `billing [rotates ${id} 1a2b3c4d]`, serviceAccountId }),
      )
      const { exitCode, stderr } = await rotate(folder, "--adopt", "--grace", "1 millis")
      expect([exitCode, stderr.split(": ")[0]]).toEqual([1, `${id} failed`])
      expect(stderr).toContain(`${apiKey.id} was made to replace it`)
      expect(await Effect.runPromise(emulator.history)).toEqual([])
    }))

  it.each(["a live key's", "a deleted key's", "no"])(
    "refuses a key whose file holds %s secret, with --adopt too",
    (whose) =>
      withExample([], async ({ addKept, emulator, folder, rotate }) => {
        const { file, id } = await addKept("billing")
        const other = (await Effect.runPromise(emulator.apiKeys)).find((key) => key.id !== id)
        const text = {
          "a live key's": `${other?.id}_${"a".repeat(40)}`,
          "a deleted key's": `CCDB1_${"a".repeat(22)}_${"a".repeat(40)}`,
        }[whose] ?? "a shopping list"
        fs.writeFileSync(file, text)
        const { exitCode, stderr } = await rotate(folder, "--adopt", "--grace", "1 millis")
        expect([exitCode, stderr]).toEqual([
          1,
          `${id} failed: ${file} holds the secret of neither it nor its successor: check whose it is\n`,
        ])
        expect(await Effect.runPromise(emulator.history)).toEqual([])
        expect(fs.readFileSync(file, "utf8")).toBe(text)
      }),
  )

  it.each([["600", "600"], ["640", "640"], ["664", "640"], ["400", "400"]])(
    "keeps a file's owner and group, and turns its mode %s into %s",
    (mode, kept) =>
      withExample([], async ({ addKept, folder, rotate }) => {
        const { file, id } = await addKept("billing")
        // Only root can change a file's owner.
        const isRoot = process.getuid?.() === 0
        if (isRoot) fs.chownSync(file, 12345, 23456)
        fs.chmodSync(file, Number.parseInt(mode, 8))
        const { gid, uid } = fs.statSync(file)
        expectSuccess(await rotate(folder, "--grace", "1 millis"))
        expect(fs.readFileSync(file, "utf8")).not.toContain(id)
        const after = fs.statSync(file)
        expect([(after.mode & 0o777).toString(8), after.uid, after.gid]).toEqual([kept, uid, gid])
      }),
  )

  /** Adds a key whose file is a link to `path`, which holds its secret. */
  const addLinked = async (
    { addKept, folder }: Example,
    ...through: ReadonlyArray<string>
  ) => {
    const key = await addKept("billing")
    const target = path.join(folder, "vault", "billing")
    fs.mkdirSync(path.dirname(target))
    fs.renameSync(key.file, target)
    fs.chmodSync(target, 0o640)
    let next = target
    for (const name of through) {
      const link = path.join(folder, name)
      // One link is absolute, the others are relative.
      fs.symlinkSync(next === target ? next : path.relative(folder, next), link)
      next = link
    }
    fs.symlinkSync(path.relative(path.dirname(key.file), next), key.file)
    return { ...key, target }
  }

  it.each([["a link", []], ["a chain of links", ["one", "two", "three"]]])(
    "replaces what %s leads to, so that no deleted secret stays there",
    (_, through) =>
      withExample([], async (example) => {
        const { file, id, target } = await addLinked(example, ...through)
        expectSuccess(await example.rotate(example.folder, "--grace", "1 millis"))
        const secret = fs.readFileSync(target, "utf8")
        expect(secret).toMatch(/^CCDB1_\w{22}_\w{40}\n$/)
        expect(secret).not.toContain(id)
        expect(fs.statSync(target).mode & 0o777).toBe(0o640)
        expect(fs.lstatSync(file).isSymbolicLink()).toBe(true)
        expect(fs.readFileSync(file, "utf8")).toBe(secret)
        expect(fs.readdirSync(path.dirname(target))).toEqual(["billing"])
        expect(fs.readdirSync(path.dirname(file))).toEqual(["billing"])
        const ids = (await Effect.runPromise(example.emulator.apiKeys)).map(({ id }) => id)
        expect(ids).toContain(secret.slice(0, -42))
      }),
  )

  it("makes the file behind a dangling link only with --adopt", () =>
    withExample([], async (example) => {
      const { file, target } = await addLinked(example)
      fs.rmSync(target)
      const refused = await example.rotate(example.folder)
      expect([refused.exitCode, refused.stderr]).toEqual([
        1,
        expect.stringContaining("does not exist"),
      ])
      expectSuccess(await example.rotate(example.folder, "--adopt", "--grace", "1 millis"))
      expect(fs.lstatSync(file).isSymbolicLink()).toBe(true)
      expect(fs.readFileSync(target, "utf8")).toMatch(/^CCDB1_\w{22}_\w{40}\n$/)
    }))

  const badLinks: ReadonlyArray<
    readonly [string, string, (file: string, folder: string) => void]
  > = [
    ["to itself", "lead in a circle", (file) => fs.symlinkSync("billing", file)],
    ["in a loop", "lead in a circle", (file, folder) => {
      fs.symlinkSync(path.join(folder, "two"), path.join(folder, "one"))
      fs.symlinkSync("one", path.join(folder, "two"))
      fs.symlinkSync("../two", file)
    }],
    ["to a directory", "is not a file", (file, folder) => {
      fs.mkdirSync(path.join(folder, "vault"))
      fs.symlinkSync("../vault", file)
    }],
    [
      "into a directory that does not exist",
      "which does not exist",
      (file) => fs.symlinkSync("../nowhere/billing", file),
    ],
  ]
  it.each(badLinks)(
    "refuses a link %s, and makes no key",
    (_, why, link) =>
      withExample([], async ({ addKept, emulator, folder, rotate }) => {
        const { file, id } = await addKept("billing")
        fs.rmSync(file)
        link(file, folder)
        const { exitCode, stderr } = await rotate(folder, "--adopt", "--grace", "1 millis")
        expect([exitCode, stderr]).toEqual([1, expect.stringContaining(`${id} failed: ${file}: `)])
        expect(stderr).toContain(why)
        expect(stderr.trim().split("\n").length).toBe(1)
        expect(await Effect.runPromise(emulator.history)).toEqual([])
      }),
  )

  it("keeps the secret of a key inside of its directory, whatever its name is", () =>
    withExample([], async ({ add, emulator, folder, rotate }) => {
      const names = [
        ".",
        "..",
        "...",
        "../../above",
        "/etc/absolute",
        "..\\..\\above",
        "nul\0and\nline",
        "half a character \ud83d",
        "é".repeat(200),
        "l".repeat(255),
        "m".repeat(256),
        `${"m".repeat(256)}, and another end`,
        "CON",
      ]
      for (const name of names) await add(name)
      const { exitCode, stderr, stdout } = await rotate(folder, "--adopt", "--grace", "1 millis")
      expect([stderr, exitCode]).toEqual(["", 0])
      expect(stdout).toContain(`${names.length} of ${names.length} keys rotated`)

      const account = path.join(folder, emulator.withoutRole.serviceAccountId)
      expect(fs.readdirSync(folder)).toEqual([path.basename(account)])
      expect(fs.statSync(account).mode & 0o777).toBe(0o700)
      // One whole file for each name, and nothing else.
      const files = filesIn(folder)
      expect(files.map((file) => path.dirname(file))).toEqual(names.map(() => account))
      expect(files.filter((file) => /^\.[0-9a-f-]{36}$/.test(path.basename(file)))).toEqual([])
      const ids = (await Effect.runPromise(emulator.apiKeys)).map(({ id }) => id)
      for (const file of files) {
        expect(fs.statSync(file).mode & 0o777).toBe(0o600)
        expect(ids).toContain(fs.readFileSync(file, "utf8").slice(0, -42))
      }
    }))

  it("refuses keys that share a file, names them, and rotates the others", () =>
    withExample([], async ({ add, emulator, folder, rotate }) => {
      const same = [await add("billing"), await add("Billing"), await add("billing")]
      await add("ledger")
      const { exitCode, stderr, stdout } = await rotate(folder, "--adopt", "--grace", "1 millis")
      expect(exitCode).toBe(1)
      expect(stdout).toContain("1 of 1 keys rotated")
      const lines = stderr.trim().split("\n").sort()
      expect(lines.map((line) => line.split(" failed: ")[0])).toEqual(
        same.map(({ id }) => id).sort(),
      )
      expect(filesIn(folder).map((file) => path.basename(file))).toEqual(["ledger"])
      const left = (await Effect.runPromise(emulator.apiKeys)).map(({ id }) => id)
      expect(same.filter(({ id }) => !left.includes(id))).toEqual([])
    }))

  it("refuses a successor that is old itself where it may not write, before it changes anything", () =>
    withExample([], async ({ addKept, emulator, folder, permitted }) => {
      const kept = await addKept("billing")
      const { apiKey, secret } = await Effect.runPromise(emulator.addApiKey({
        name: `billing [rotates ${kept.id} 00000001]`,
        createdAt: DateTime.subtract(kept.createdAt, { days: 1 }),
      }))
      fs.writeFileSync(kept.file, Redacted.value(secret))
      const { exitCode, stderr } = await permitted([`--allow-read=${folder}`], folder)
      expect(exitCode).toBe(1)
      expect(stderr.trim()).toMatch(
        new RegExp(`^${apiKey.id} failed: ${kept.file}: .*write access`),
      )
      expect(await Effect.runPromise(emulator.history)).toEqual([])
    }))

  it.each<readonly [string, (billing: string, ledger: string, folder: string) => void]>([
    ["two dangling links to one target", (billing, ledger) => {
      fs.symlinkSync("../secret", billing)
      fs.symlinkSync("../secret", ledger)
    }],
    ["a chain of links and a link to one target", (billing, ledger, folder) => {
      fs.symlinkSync("../one", billing)
      fs.symlinkSync("secret", path.join(folder, "one"))
      fs.symlinkSync(path.join(folder, "secret"), ledger)
    }],
    ["a link to the other's file", (billing, ledger) => fs.symlinkSync(billing, ledger)],
    ["a link through a directory that is a link", (billing, ledger, folder) => {
      fs.symlinkSync(path.dirname(billing), path.join(folder, "account"))
      fs.symlinkSync("../account/billing", ledger)
    }],
    ["links to a file that already holds a secret", (billing, ledger, folder) => {
      const key = fs.readFileSync(path.join(folder, "billing's"))
      fs.writeFileSync(path.join(folder, "secret"), key)
      fs.symlinkSync("../secret", billing)
      fs.symlinkSync("../secret", ledger)
    }],
  ])(
    "with --adopt refuses keys that share a file by %s",
    (_, link) =>
      withExample([], async ({ addKept, emulator, folder, rotate }) => {
        const billing = await addKept("billing")
        const ledger = await addKept("ledger")
        fs.renameSync(billing.file, path.join(folder, "billing's"))
        fs.rmSync(ledger.file)
        link(billing.file, ledger.file, folder)
        const { exitCode, stderr } = await rotate(folder, "--adopt", "--grace", "1 millis")
        expect(exitCode).toBe(1)
        const lines = stderr.trim().split("\n")
        expect(lines.map((line) => line.split(" failed: ")[0]).sort()).toEqual(
          [billing.id, ledger.id].sort(),
        )
        for (const line of lines) expect(line).toContain("would be kept in one file")
        expect(await Effect.runPromise(emulator.history)).toEqual([])
      }),
  )

  it("refuses keys of accounts that share a directory, and says why", () =>
    withExample([], async ({ add, emulator, folder, rotate }) => {
      const own = await add("billing")
      const { apiKey: other } = await Effect.runPromise(emulator.addApiKey({
        name: "billing",
        serviceAccountId: emulator.admin.serviceAccountId,
        createdAt: own.createdAt,
      }))
      fs.mkdirSync(path.join(folder, own.serviceAccountId))
      fs.symlinkSync(own.serviceAccountId, path.join(folder, other.serviceAccountId))
      const { exitCode, stderr } = await rotate(folder, "--adopt", "--grace", "1 millis")
      expect(exitCode).toBe(1)
      expect(stderr.match(/would be kept in one file/g)?.length).toBe(2)
      expect(await Effect.runPromise(emulator.history)).toEqual([])
    }))

  it("leaves the key that it calls with alone, and says so", () =>
    withExample([], async ({ emulator, folder, rotate }) => {
      const { apiKeyId } = emulator.admin
      const { exitCode, stderr, stdout } = await rotate(
        folder,
        "--adopt",
        "--older-than",
        "0 millis",
        "--grace",
        "1 millis",
      )
      expect([exitCode, stdout.includes(apiKeyId)]).toEqual([0, false])
      expect(stderr).toContain(`${apiKeyId} skipped: it is the key that this script calls with`)
      expect((await Effect.runPromise(emulator.apiKeys)).map(({ id }) => id)).toContain(apiKeyId)
    }))

  it("counts a key and its successor in the file as one rotation", () =>
    withExample([], async ({ add, emulator, folder, rotate }) => {
      const { id, serviceAccountId } = await add("billing")
      const { apiKey, secret } = await Effect.runPromise(
        emulator.addApiKey({ name: `billing [rotates ${id} 1a2b3c4d]`, serviceAccountId }),
      )
      fs.mkdirSync(path.join(folder, serviceAccountId))
      fs.writeFileSync(path.join(folder, serviceAccountId, "billing"), Redacted.value(secret))
      const { exitCode, stderr, stdout } = await rotate(folder, "--grace", "1 millis")
      expect([exitCode, stderr]).toEqual([0, ""])
      expect(stdout).toContain(`${id} -> ${apiKey.id} in `)
      expect(stdout).toContain("1 of 1 keys rotated")
      expect((await Effect.runPromise(emulator.apiKeys)).map((key) => key.id)).not.toContain(id)
    }))

  it("rotates the other keys if a successor's file cannot be read", () =>
    withExample([], async ({ add, addKept, folder, rotate }) => {
      const { file, id } = await addKept("billing")
      const successor = await add("bad [rotates CCDB1_aaaaaaaaaaaaaaaaaaaaaa 1a2b3c4d]")
      const bad = path.join(path.dirname(file), "bad")
      fs.mkdirSync(bad)
      const { exitCode, stderr, stdout } = await rotate(folder, "--grace", "10 millis", "--once")
      expect(stderr).toContain(`${successor.id} failed: ${bad}: `)
      expect(stdout).toContain(`${id} -> `)
      expect(exitCode).toBe(1)
    }))

  it("names a key that may appear late", () =>
    withExample([100], async ({ emulator, folder, rotate }) => {
      await Effect.runPromise(emulator.setFaults([
        { operation: "createApiKey", calls: 1, fault: { _tag: "DropBefore" } },
      ]))
      const { exitCode, stderr } = await rotate(folder, "--adopt", "--grace", "1 millis")
      expect(exitCode).toBe(0)
      expect(stderr).toMatch(
        /may have left a key behind\. .*: "of 100\/days \[rotates CCDB1_\w+ \w+\]"/,
      )
    }))

  it.each([
    ["--grace", "-5 minutes"],
    ["--grace", "soon"],
    ["--older-than", "-90 days"],
    ["--older-than", "-0.1 millis"],
  ])(
    "refuses %s=%s, names the option, and rotates nothing",
    (flag, value) =>
      withExample([], async ({ addKept, emulator, folder, rotate }) => {
        await addKept("billing")
        const { exitCode, stderr } = await rotate(folder, `${flag}=${value}`)
        expect(exitCode).toBe(2)
        expect(stderr.trim().split("\n").at(-1))
          .toBe(`${flag} must be a duration of zero or more, like "15 minutes"`)
        expect(await Effect.runPromise(emulator.history)).toEqual([])
      }),
  )

  it("ends with status 2 and its usage if it is called wrongly", () =>
    withExample([], async ({ folder, rotate }) => {
      const calls = [[], [folder, "--nonsense"], [folder, "more"], [folder, "--grace", "soon"]]
      for (const args of calls) {
        const { exitCode, stderr } = await rotate(...args)
        expect([exitCode, stderr.split("\n")[0]?.slice(0, 6)]).toEqual([2, "usage:"])
        expect(stderr).toContain("deletes the\nold key <grace> after it made the new one")
      }
    }))
})
