import { FileSystem } from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { fileSecretStore, rotateApiKey } from "../../src/mod.ts"
import { expectSuccess, root, runTool } from "../tool.ts"
import { makeOrganization } from "./organization.ts"
import { type Around, watchedFileSystem } from "./watchedFileSystem.ts"

let top = ""
let folder = ""

beforeAll(() => {
  top = fs.mkdtempSync(path.join(root, "node_modules/.secrets-"))
})
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(top, "a-"))
})
afterAll(() => fs.rmSync(top, { recursive: true }))

const at = (...names: ReadonlyArray<string>) => path.join(folder, ...names)
const modeOf = (file: string) => (fs.statSync(file).mode & 0o7777).toString(8)

const secret = (letter: string) => Redacted.make(`CCDB1_${letter.repeat(22)}_${letter.repeat(40)}`)
const [old, next] = [secret("a"), secret("b")]

const store = (file: string) => Effect.provide(fileSecretStore(file), NodeFileSystem.layer)
const read = (file: string) => Effect.flatMap(store(file), ({ read }) => read)
const write = (file: string, secret: Redacted.Redacted<string>) =>
  Effect.flatMap(store(file), ({ write }) => write(secret))

/** Writes through `around`, which wraps each call to the file system. */
const writeThrough = (around: Around, file = at("billing")) =>
  Effect.gen(function* () {
    const watched = watchedFileSystem(yield* FileSystem, around)
    const { write } = yield* Effect.provideService(fileSecretStore(file), FileSystem, watched)
    yield* write(next)
  }).pipe(Effect.provide(NodeFileSystem.layer))

describe("a secret in a file", () => {
  it.live("is absent if there is no file, or no folder for it", () =>
    Effect.gen(function* () {
      expect(yield* read(at("none", "billing"))).toEqual(Option.none())
    }))

  it.live("is read as it was written", () =>
    Effect.gen(function* () {
      yield* write(at("billing"), old)
      yield* write(at("billing"), next)
      expect(yield* read(at("billing"))).toEqual(Option.some(next))
      expect(fs.readdirSync(folder)).toEqual(["billing"])
    }))

  it.live("is read without the white space that an editor leaves around it", () =>
    Effect.gen(function* () {
      fs.writeFileSync(at("billing"), ` ${Redacted.value(old)}\r\n\n`)
      expect(yield* read(at("billing"))).toEqual(Option.some(old))
    }))

  it.live("is readable only by its owner if the file is new, and so are new folders", () =>
    Effect.gen(function* () {
      yield* write(at("one", "two", "billing"), next)
      expect(modeOf(at("one", "two", "billing"))).toBe("600")
      expect(modeOf(at("one", "two"))).toBe("700")
    }))

  it.live("is written to a file whose path is relative", () =>
    Effect.gen(function* () {
      const relative = path.relative(process.cwd(), at("billing"))
      yield* write(relative, next)
      expect(yield* read(relative)).toEqual(Option.some(next))
    }))

  it.live.each([["600", "600"], ["640", "640"], ["644", "640"], ["4755", "640"], ["400", "400"]])(
    "turns the mode %s into %s",
    ([before = "", after = ""]) =>
      Effect.gen(function* () {
        fs.writeFileSync(at("billing"), Redacted.value(old))
        fs.chmodSync(at("billing"), Number.parseInt(before, 8))
        yield* write(at("billing"), next)
        expect(modeOf(at("billing"))).toBe(after)
      }),
  )

  it.live.skipIf(process.getuid?.() !== 0)(
    "keeps its owner and its group",
    () =>
      Effect.gen(function* () {
        fs.writeFileSync(at("billing"), Redacted.value(old))
        fs.chownSync(at("billing"), 1234, 4321)
        yield* write(at("billing"), next)
        const { gid, uid } = fs.statSync(at("billing"))
        expect({ gid, uid }).toEqual({ gid: 4321, uid: 1234 })
      }),
  )
})

describe("a secret in a symbolic link", () => {
  it.live("replaces the file behind any number of links", () =>
    Effect.gen(function* () {
      fs.mkdirSync(at("vault"))
      fs.writeFileSync(at("vault", "secret"), Redacted.value(old))
      fs.symlinkSync(at("vault", "secret"), at("one"))
      fs.symlinkSync("one", at("billing"))
      yield* write(at("billing"), next)
      expect(fs.readlinkSync(at("billing"))).toBe("one")
      expect(fs.readFileSync(at("vault", "secret"), "utf8").trim()).toBe(Redacted.value(next))
      expect(yield* read(at("billing"))).toEqual(Option.some(next))
      expect(fs.readdirSync(at("vault"))).toEqual(["secret"])
    }))

  it.live("is made behind a dangling link", () =>
    Effect.gen(function* () {
      fs.mkdirSync(at("vault"))
      fs.symlinkSync("vault/secret", at("billing"))
      expect(yield* read(at("billing"))).toEqual(Option.none())
      yield* write(at("billing"), next)
      expect(fs.readdirSync(at("vault"))).toEqual(["secret"])
    }))

  it.live.each<[string, string, (file: string) => void]>([
    ["to itself", "lead in a circle", (file) => fs.symlinkSync("billing", file)],
    [
      "into a folder that does not exist",
      "make that folder first",
      (file) => fs.symlinkSync("nowhere/billing", file),
    ],
  ])("is refused where it leads %s", ([, why, link]) =>
    Effect.gen(function* () {
      link(at("billing"))
      expect((yield* Effect.flip(read(at("billing")))).message).toContain(why)
      expect((yield* Effect.flip(write(at("billing"), next))).message).toContain(why)
    }))
})

describe("in the place of a file,", () => {
  it.live.each<[string, (file: string) => void]>([
    ["a folder", (file) => fs.mkdirSync(file)],
    ["a pipe", (file) => execFileSync("mkfifo", [file])],
  ])("%s, a secret is neither read nor written", ([, make]) =>
    Effect.gen(function* () {
      make(at("billing"))
      for (const attempt of [Effect.asVoid(read(at("billing"))), write(at("billing"), next)]) {
        const { message } = yield* Effect.flip(attempt)
        expect(message).toContain("BadResource")
        expect(message).toContain(at("billing"))
      }
      expect(fs.readdirSync(folder)).toEqual(["billing"])
    }))
})

/** A store that tells what it opens. It opens each folder that it syncs. */
const storeThatTells = (file: string) =>
  Effect.gen(function* () {
    const opened: Array<string> = []
    const fileSystem = yield* FileSystem
    const open: typeof fileSystem.open = (file, options) =>
      Effect.tap(fileSystem.open(file, options), () => Effect.sync(() => opened.push(file)))
    const store = yield* Effect.provideService(fileSecretStore(file), FileSystem, {
      ...fileSystem,
      open,
    })
    return { opened, store }
  })

describe("a write of a secret", () => {
  it.live("syncs the file before the rename, and the folder after it, before it returns", () =>
    Effect.gen(function* () {
      const calls: Array<string> = []
      yield* writeThrough((what, effect) =>
        Effect.zipLeft(effect, Effect.sync(() => calls.push(what)))
      )
      const lasting = calls.filter((what) => /writeAll|sync|rename/.test(what))
      expect(lasting).toEqual(["writeAll", "writeAll", "sync wx", "rename", "sync r", "sync r"])
    }))

  it.live("syncs all folders that it makes, and their parent", () =>
    Effect.gen(function* () {
      const { opened, store } = yield* storeThatTells(at("a", "b", "c", "billing"))
      yield* store.write(next)
      expect(opened).toEqual(
        expect.arrayContaining([at("a", "b", "c"), at("a", "b"), at("a"), folder]),
      )
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  const steps = ["open wx", "chown", "chmod", "writeAll", "sync wx", "rename"]
  it.live.each(steps)(
    "that fails at %s leaves the old secret, and nothing beside it",
    (step) =>
      Effect.gen(function* () {
        yield* write(at("billing"), old)
        const failing: Around = (what, effect) => what === step ? Effect.die("broken") : effect
        const exit = yield* Effect.exit(writeThrough(failing))
        expect(exit._tag).toBe("Failure")
        expect(yield* read(at("billing"))).toEqual(Option.some(old))
        expect(fs.readdirSync(folder)).toEqual(["billing"])
      }),
  )

  it.live("says in its docs that the file ends in a line break, as it does", () =>
    Effect.gen(function* () {
      yield* write(at("billing"), next)
      expect(fs.readFileSync(at("billing"), "utf8")).toBe(`${Redacted.value(next)}\n`)
      for (const file of ["fileSecretStore.ts", "README.md"]) {
        expect(fs.readFileSync(path.join(root, "src/lifecycle", file), "utf8"))
          .toMatch(/file ends in a line break/)
      }
    }))

  it.live("needs no permission on Deno but for the file's folder, which need not exist", () =>
    Effect.gen(function* () {
      const permitted = path.relative(root, at("outer", "inner"))
      const file = path.join(permitted, "account", "billing")
      expectSuccess(
        yield* Effect.promise(() =>
          runTool("deno", [
            "run",
            "--no-prompt",
            "--cached-only",
            `--allow-read=${permitted}`,
            `--allow-write=${permitted}`,
            "test/lifecycle/writingFile.ts",
            file,
            Redacted.value(next),
          ])
        ),
      )
      expect(yield* read(at("outer", "inner", "account", "billing"))).toEqual(Option.some(next))
      expect(modeOf(at("outer", "inner"))).toBe("700")
    }))

  it.live("makes missing folders together with other writes", () =>
    Effect.gen(function* () {
      const files = Array.from({ length: 20 }, (_, n) => at("one", "two", `${n % 3}`, `${n}`))
      yield* Effect.forEach(files, (file) => write(file, next), { concurrency: "unbounded" })
      expect(files.every((file) => fs.existsSync(file))).toBe(true)
    }))

  it.live("fails with an error that names the file and holds no secret", () =>
    Effect.gen(function* () {
      fs.writeFileSync(at("no-folder"), "")
      const error = yield* Effect.flip(write(at("no-folder", "billing"), next))
      expect(error.message).toContain("no-folder")
      expect(JSON.stringify(error) + String(error)).not.toContain(Redacted.value(next))
    }))
})

describe("a check of a file", () => {
  const check = (file: string) =>
    Effect.flatMap(store(file), ({ check }) => check ?? Effect.dieMessage("it has one"))

  it.live("changes nothing if the secret can be written", () =>
    Effect.gen(function* () {
      yield* write(at("billing"), old)
      yield* check(at("billing"))
      expect(yield* read(at("billing"))).toEqual(Option.some(old))
      expect(fs.readdirSync(folder)).toEqual(["billing"])
    }))

  it.live("makes missing folders, and syncs what is around them", () =>
    Effect.gen(function* () {
      const { opened, store } = yield* storeThatTells(at("a", "b", "billing"))
      yield* store.check ?? Effect.dieMessage("it has one")
      expect(opened).toEqual(expect.arrayContaining([at("a"), folder]))
      expect(fs.readdirSync(at("a", "b"))).toEqual([])
    }).pipe(Effect.provide(NodeFileSystem.layer)))

  it.live.each(["open wx", "chown", "chmod", "writeAll", "sync wx"])(
    "fails if a write would fail at %s, before a rotation makes a key",
    (step) =>
      Effect.gen(function* () {
        const organization = yield* makeOrganization()
        const first = Option.getOrThrow(yield* organization.secret.get)
        fs.writeFileSync(at("billing"), Redacted.value(first))
        const broken: Around = (what, effect) => what === step ? Effect.die("broken") : effect
        const failing = watchedFileSystem(yield* FileSystem, broken)
        const exit = yield* fileSecretStore(at("billing")).pipe(
          Effect.provideService(FileSystem, failing),
          Effect.flatMap((store) => rotateApiKey({ store, grace: 0, lease: "30 seconds" })),
          Effect.provide(organization.access()),
          Effect.exit,
        )
        expect(exit._tag).toBe("Failure")
        expect(yield* organization.keys).toEqual([organization.old])
        expect(fs.readdirSync(folder)).toEqual(["billing"])
      }).pipe(Effect.provide(NodeFileSystem.layer)),
  )

  it.live("fails in a place that can hold no secret, before a rotation makes a key", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      fs.writeFileSync(at("no-folder"), "")
      const { check = Effect.void } = yield* store(at("no-folder", "billing"))
      const failed = yield* rotateApiKey({
        store: { ...organization.store(), check },
        grace: 0,
        lease: "30 seconds",
      }).pipe(Effect.provide(organization.access()), Effect.flip)
      expect(failed.reason).toBe("Store")
      expect(yield* organization.keys).toEqual([organization.old])
    }))
})

describe("a process that is killed while it writes", () => {
  // The calls to the file system of one write.
  const things = 14
  let bundled = ""
  beforeAll(async () => {
    bundled = path.join(top, "writingFile.mjs")
    const args = ["test/lifecycle/writingFile.ts", "--bundle", "--platform=node", "--format=esm"]
    expectSuccess(
      await runTool("esbuild", [
        ...args,
        "--log-level=error",
        `--outfile=${bundled}`,
      ]),
    )
  })

  const runAndKill = (file: string, nth: number, when: string): Promise<string> =>
    new Promise((resolve) => {
      const child = spawn(
        process.execPath,
        [bundled, file, Redacted.value(next), String(nth), when],
        { stdio: ["ignore", "pipe", "inherit"] },
      )
      child.stdout.on("data", () => child.kill("SIGKILL"))
      child.once("close", (code, signal) => resolve(signal ?? String(code)))
    })

  it.live("makes as many calls as the tests below kill it at", () =>
    Effect.gen(function* () {
      yield* write(at("billing"), old)
      let count = 0
      yield* writeThrough((_, effect) => Effect.suspend(() => (count += 1, effect)))
      expect(count).toBe(things)
    }))

  for (const when of ["before", "after"]) {
    it(`leaves the old secret or the new one, whole, ${when} each of its calls`, async () => {
      const found: Array<string> = []
      for (let nth = 1; nth <= things; nth += 1) {
        const file = at(`${when} ${nth}`)
        fs.writeFileSync(file, Redacted.value(old))
        expect(await runAndKill(file, nth, when)).toBe("SIGKILL")
        const text = fs.readFileSync(file, "utf8").trim()
        found.push(
          text === Redacted.value(old) ? "old" : text === Redacted.value(next) ? "new" : text,
        )
      }
      expect([...new Set(found)]).toEqual(["old", "new"])
    })
  }
})

describe("a rotation whose secret is in a file", () => {
  it.live("writes the new secret there", () =>
    Effect.gen(function* () {
      const organization = yield* makeOrganization()
      const first = Option.getOrThrow(yield* organization.secret.get)
      fs.writeFileSync(at("billing"), Redacted.value(first))
      const { apiKey } = yield* rotateApiKey({
        store: yield* store(at("billing")),
        grace: 0,
        lease: "30 seconds",
      }).pipe(Effect.provide(organization.access()))
      expect(fs.readFileSync(at("billing"), "utf8").startsWith(`${apiKey.id}_`)).toBe(true)
    }))
})
