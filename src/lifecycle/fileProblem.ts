/**
 * What can be wrong with a file.
 *
 * @module
 */
import { type PlatformError, SystemError } from "@effect/platform/Error"

/** Whether it is not there. */
export const isMissing = (error: PlatformError): boolean =>
  error._tag === "SystemError" && error.reason === "NotFound"

/** It is there, and nothing that can be used. */
export const unusable = (path: string, description: string): PlatformError =>
  new SystemError({
    reason: "BadResource",
    module: "FileSystem",
    method: "fileSecretStore",
    pathOrDescriptor: path,
    description,
  })
