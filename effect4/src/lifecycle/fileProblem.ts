// Differs: a PlatformError is one class here, and its reason has the tag.
/**
 * What can be wrong with a file.
 *
 * @module
 */
import { type PlatformError, systemError } from "effect4/PlatformError"

/** Whether it is not there. */
export const isMissing = (error: PlatformError): boolean => error.reason._tag === "NotFound"

/** It is there, and nothing that can be used. */
export const unusable = (path: string, description: string): PlatformError =>
  systemError({
    _tag: "BadResource",
    module: "FileSystem",
    method: "fileSecretStore",
    pathOrDescriptor: path,
    description,
  })
