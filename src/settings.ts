/**
 * Reads settings by the names of the environment's variables.
 *
 * @module
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/** The error of a setting that is required but missing, or that makes no sense. */
export type SettingError = ConfigError.ConfigError

/** Reads a setting through the ConfigProvider. None if it is not set. */
export const setting = (name: string): Effect.Effect<Option.Option<string>, SettingError> =>
  Config.option(Config.string(name))

/** Makes the error of a setting that is required but not set. */
export const missing = (name: string, message: string): SettingError =>
  ConfigError.MissingData([name], message)

/** Makes the error of a setting that makes no sense. */
export const unusable = (name: string, message: string): SettingError =>
  ConfigError.InvalidData([name], message)
