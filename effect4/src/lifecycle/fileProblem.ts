// In Effect 4, a PlatformError is one class, and its reason has the tag.
/**
 * The errors of files.
 *
 * @module
 */
import * as PlatformError from "effect4/PlatformError"

/** Whether the file does not exist. */
export const isMissing = (error: PlatformError.PlatformError): boolean =>
  error.reason._tag === "NotFound"

/** The error for a path that exists, but cannot be used. */
export const unusable = (path: string, description: string): PlatformError.PlatformError =>
  PlatformError.systemError({
    _tag: "BadResource",
    module: "FileSystem",
    method: "fileSecretStore",
    pathOrDescriptor: path,
    description,
  })
