/**
 * Keeps a secret in a file.
 *
 * @module
 */
import type * as PlatformError from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { isMissing, unusable } from "./fileProblem.ts"
import type { SecretStore } from "./SecretStore.ts"

/**
 * Keeps a key's secret in a file, for `rotateApiKey`, `rotateApiKeys` and `credentialsFromStore`.
 *
 * A write happens whole or not at all. It writes a second file beside the first, named `.` and a
 * UUID, and renames it. When the write returns, the secret is on the disk. A process that is killed
 * while it writes leaves the old secret or the new one, and perhaps the second file. Missing
 * folders are made, with mode 0700. Separate folders by `/`, on Windows too.
 *
 * Before a rotation makes a key, it checks that the secret can be written. The check makes missing
 * folders, writes a second file without a secret, and removes it.
 *
 * The file ends in a line break. If another program reads it, let it trim what it reads.
 *
 * A new file has mode 0600. An existing file keeps its owner and its group. Of its mode it keeps
 * only reading and writing for the owner and reading for the group: 0755 becomes 0640. If the path
 * is a symbolic link, the file behind it is replaced, and the link stays.
 *
 * A read is `None` if the file is missing. It fails if the path is not a file, but a folder or a
 * pipe for instance. White space around the secret is left out. Reads and writes fail with the
 * platform's `PlatformError`, which holds no secret.
 *
 * Your platform's layer provides the `FileSystem`: `NodeFileSystem.layer`, on Deno too, or
 * `BunFileSystem.layer`. On Deno it needs to read and write the file's folder. It also tries to
 * read the folder around that one, so that a new folder lasts, and goes on if it may not.
 *
 * @example
 * ```ts
 * import { fileSecretStore, rotateApiKey } from "@effect-crdb/api-keys"
 * import * as Effect from "effect/Effect"
 *
 * const program = Effect.gen(function* () {
 *   const store = yield* fileSecretStore("secrets/billing")
 *   return yield* rotateApiKey({ store, grace: "15 minutes", olderThan: "90 days" })
 * })
 * ```
 */
export const fileSecretStore = (
  path: string,
): Effect.Effect<SecretStore<PlatformError.PlatformError>, never, FileSystem.FileSystem> =>
  Effect.map(FileSystem.FileSystem, (fileSystem) => ({
    read: read(fileSystem, path),
    write: (secret) => write(fileSystem, path, `${Redacted.value(secret)}\n`),
    check: check(fileSystem, path),
  }))

type Read = SecretStore<PlatformError.PlatformError>["read"]

const read = (fileSystem: FileSystem.FileSystem, path: string): Read =>
  Effect.gen(function* () {
    const target = yield* followLinks(fileSystem, path)
    if ((yield* fileAt(fileSystem, target)) === undefined) return Option.none()
    const text = yield* fileSystem.readFileString(target)
    return Option.some(Redacted.make(text.trim()))
  }).pipe(
    // Somebody may have removed the file in between.
    Effect.catchIf(isMissing, () => Effect.succeed(Option.none())),
  )

const write = (
  fileSystem: FileSystem.FileSystem,
  path: string,
  text: string,
): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    yield* makeFolders(fileSystem, folderOf(path))
    const { half, replaced, target } = yield* placesOf(fileSystem, path)
    yield* writeNew(fileSystem, half, text, replaced).pipe(
      Effect.zipRight(fileSystem.rename(half, target)),
      Effect.onError(() => Effect.ignore(fileSystem.remove(half, { force: true }))),
    )
    yield* syncFolder(fileSystem, folderOf(target))
    // A killed run may have made the folder and not synced the one around it.
    yield* syncFolder(fileSystem, folderOf(folderOf(path)))
  })

/** Does what a write does, except that it replaces nothing. */
const check = (
  fileSystem: FileSystem.FileSystem,
  path: string,
): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    yield* makeFolders(fileSystem, folderOf(path))
    const { half, replaced } = yield* placesOf(fileSystem, path)
    // As long as a secret, since a full disk still takes an empty file.
    yield* writeNew(fileSystem, half, "-".repeat(70), replaced).pipe(
      Effect.ensuring(Effect.ignore(fileSystem.remove(half, { force: true }))),
    )
  })

/** The file to replace, and the second file, which is written first. */
const placesOf = (fileSystem: FileSystem.FileSystem, path: string) =>
  Effect.gen(function* () {
    // If the link itself were replaced, the file behind it would keep the old secret.
    const target = yield* followLinks(fileSystem, path)
    const replaced = yield* fileAt(fileSystem, target)
    const uuid = yield* Effect.sync(() => crypto.randomUUID())
    return { target, replaced, half: `${folderOf(target)}/.${uuid}` }
  })

/** Makes a folder and those around it, as far as they are missing. */
const makeFolders = (
  fileSystem: FileSystem.FileSystem,
  folder: string,
): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    const around = folderOf(folder)
    if (folder === around || (yield* infoOf(fileSystem, folder)) !== undefined) return
    yield* fileSystem.makeDirectory(folder, { mode: 0o700 }).pipe(
      // Looked at only now, since Deno may permit the folder and not the one around it.
      Effect.catchAll(() =>
        Effect.zipRight(
          Effect.ignore(makeFolders(fileSystem, around)),
          fileSystem.makeDirectory(folder, { recursive: true, mode: 0o700 }),
        )
      ),
    )
    // A new folder is on the disk only when the one around it is.
    yield* syncFolder(fileSystem, around)
  })

/** Undefined if nothing is there. */
const infoOf = (
  fileSystem: FileSystem.FileSystem,
  path: string,
): Effect.Effect<FileSystem.File.Info | undefined, PlatformError.PlatformError> =>
  Effect.catchIf(fileSystem.stat(path), isMissing, () => Effect.succeed(undefined))

/** Undefined if nothing is there. Fails if something is that cannot hold a secret. */
const fileAt = (
  fileSystem: FileSystem.FileSystem,
  path: string,
): Effect.Effect<FileSystem.File.Info | undefined, PlatformError.PlatformError> =>
  Effect.filterOrFail(
    infoOf(fileSystem, path),
    (info) => info === undefined || info.type === "File",
    () => unusable(path, "it is not a file, so no secret can be kept there"),
  )

const writeNew = (
  fileSystem: FileSystem.FileSystem,
  path: string,
  text: string,
  replaced: FileSystem.File.Info | undefined,
): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.scoped(Effect.gen(function* () {
    const file = yield* fileSystem.open(path, { flag: "wx", mode: 0o600 })
    if (replaced !== undefined) {
      const { gid, mode, uid } = replaced
      // Whoever could read the old file can read the new one, but never everybody.
      if (Option.isSome(uid) && Option.isSome(gid)) {
        yield* fileSystem.chown(path, uid.value, gid.value)
      }
      yield* fileSystem.chmod(path, mode & 0o640)
    }
    yield* file.writeAll(new TextEncoder().encode(text))
    yield* file.sync
  }))

// A rename is on the disk only when its folder is.
const syncFolder = (
  fileSystem: FileSystem.FileSystem,
  path: string,
): Effect.Effect<void, PlatformError.PlatformError> =>
  Effect.scoped(
    Effect.matchEffect(fileSystem.open(path, { flag: "r" }), {
      // Windows cannot open a folder, and nobody can open one without the right to read it.
      onFailure: () => Effect.void,
      onSuccess: ({ sync }) => sync,
    }),
  )

/** Follows all symbolic links. The file at their end need not exist. */
const followLinks = (
  fileSystem: FileSystem.FileSystem,
  path: string,
  links = 0,
): Effect.Effect<string, PlatformError.PlatformError> =>
  Effect.gen(function* () {
    // A path that is no link, and a missing one, fail with different errors: take either.
    const link = yield* Effect.option(fileSystem.readLink(path))
    if (Option.isNone(link)) {
      if (links > 0 && (yield* infoOf(fileSystem, folderOf(path))) === undefined) {
        const folder = folderOf(path)
        const description = `it leads into ${folder}, which does not exist: make that folder first`
        return yield* Effect.fail(unusable(path, description))
      }
      return path
    }
    if (links === mostLinks) {
      return yield* Effect.fail(
        unusable(path, "its links lead in a circle: remove one of them"),
      )
    }
    const folder = yield* fileSystem.realPath(folderOf(path))
    const next = isAbsolute(link.value) ? link.value : `${folder}/${link.value}`
    return yield* followLinks(fileSystem, next, links + 1)
  })

// No system follows more links in a row.
const mostLinks = 40

const isAbsolute = (path: string): boolean => /^(?:\/|[a-z]:)/i.test(path)

const folderOf = (path: string): string => {
  const end = path.lastIndexOf("/")
  return end < 0 ? "." : path.slice(0, Math.max(1, end))
}
