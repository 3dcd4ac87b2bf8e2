/**
 * The errors of files.
 *
 * @module
 */
import * as PlatformError from "@effect/platform/Error"

/** Whether the file does not exist. */
export const isMissing = (error: PlatformError.PlatformError): boolean =>
  error._tag === "SystemError" && error.reason === "NotFound"

/** The error for a path that exists, but cannot be used. */
export const unusable = (path: string, description: string): PlatformError.PlatformError =>
  new PlatformError.SystemError({
    reason: "BadResource",
    module: "FileSystem",
    method: "fileSecretStore",
    pathOrDescriptor: path,
    description,
  })
