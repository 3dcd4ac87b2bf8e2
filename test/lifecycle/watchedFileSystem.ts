/**
 * A file system that passes each call, with its name, through a function.
 */
import type * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"

export type Around = <A, E, R>(
  what: string,
  effect: Effect.Effect<A, E, R>,
) => Effect.Effect<A, E, R>

export const watchedFileSystem = (
  fileSystem: FileSystem.FileSystem,
  around: Around,
): FileSystem.FileSystem => ({
  ...fileSystem,
  chmod: (path, mode) => around("chmod", fileSystem.chmod(path, mode)),
  chown: (path, uid, gid) => around("chown", fileSystem.chown(path, uid, gid)),
  makeDirectory: (path, options) =>
    around("makeDirectory", fileSystem.makeDirectory(path, options)),
  open: (path, options) =>
    Effect.map(around(`open ${options?.flag}`, fileSystem.open(path, options)), (file) =>
      // A file's methods are on its prototype.
      Object.create(file, {
        writeAll: {
          // Written in two halves, so that a test can break it off in between.
          value: (buffer: Uint8Array) =>
            Effect.zipRight(
              around("writeAll", file.writeAll(buffer.slice(0, 10))),
              around("writeAll", file.writeAll(buffer.slice(10))),
            ),
        },
        sync: { get: () => around(`sync ${options?.flag}`, file.sync) },
      })),
  readFileString: (path) => around("readFileString", fileSystem.readFileString(path)),
  readLink: (path) => around("readLink", fileSystem.readLink(path)),
  remove: (path, options) => around("remove", fileSystem.remove(path, options)),
  rename: (from, to) => around("rename", fileSystem.rename(from, to)),
  stat: (path) => around("stat", fileSystem.stat(path)),
})
