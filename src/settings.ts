/**
 * Settings, by the names that the environment has for them.
 *
 * @module
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import type * as Effect from "effect/Effect"
import type * as Option from "effect/Option"

/** What a setting that is needed and missing, or that makes no sense, fails with. */
export type SettingError = ConfigError.ConfigError

/** Reads a setting through the ConfigProvider; None where it is not set. */
export const setting = (name: string): Effect.Effect<Option.Option<string>, SettingError> =>
  Config.option(Config.string(name))

/** The error of a setting that is needed and not set. */
export const missing = (name: string, message: string): SettingError =>
  ConfigError.MissingData([name], message)

/** The error of a setting that makes no sense. */
export const unusable = (name: string, message: string): SettingError =>
  ConfigError.InvalidData([name], message)
