/**
 * A process that writes a secret to a file, and stops before or after its nth call to the file
 * system, so that a test can kill it there.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as fs from "node:fs"
import { fileSecretStore } from "../../src/mod.ts"
import { watchedFileSystem } from "./watchedFileSystem.ts"

const [, , path = "", secret = "", nth = "", when = ""] = process.argv
let count = 0

const stop = Effect.zipRight(
  Effect.sync(() => fs.writeSync(1, "stopped\n")),
  Effect.async<never>(() => {
    setInterval(() => {}, 1000)
  }),
)

const program = Effect.gen(function* () {
  const fileSystem = yield* FileSystem.FileSystem
  const watched = watchedFileSystem(fileSystem, (_, effect) =>
    Effect.suspend(() => {
      count += 1
      if (count !== Number(nth)) return effect
      return when === "before" ? stop : Effect.zipRight(Effect.exit(effect), stop)
    }))
  const store = yield* Effect.provideService(
    fileSecretStore(path),
    FileSystem.FileSystem,
    watched,
  )
  yield* store.write(Redacted.make(secret))
})

await Effect.runPromise(Effect.provide(program, NodeFileSystem.layer))
