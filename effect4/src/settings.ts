// Effect 4 reads a Config with a Schema, which would be a fifth of a bundle. The ConfigProvider
// gives the text without one.
import { ConfigError } from "effect/Config"
import * as ConfigProvider from "effect/ConfigProvider"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

export type SettingError = ConfigError

export const setting = (name: string): Effect.Effect<Option.Option<string>, SettingError> =>
  Effect.flatMap(
    ConfigProvider.ConfigProvider,
    (provider) =>
      Effect.matchEffect(provider.load([name]), {
        onFailure: (error) => Effect.fail(new ConfigError(error)),
        onSuccess: (node) => Effect.succeed(Option.fromNullable(node?.value)),
      }),
  )

export const unusable = (_name: string, message: string): SettingError =>
  new ConfigError(new ConfigProvider.SourceError({ message }))

export const missing: typeof unusable = unusable
