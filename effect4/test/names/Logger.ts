export * from "effect4/Logger"
export {
  formatJson as jsonLogger,
  formatLogFmt as logfmtLogger,
  formatSimple as stringLogger,
  formatStructured as structuredLogger,
} from "effect4/Logger"
import * as Effect from "effect4/Effect"
import * as HashMap from "effect4/HashMap"
import * as Layer from "effect4/Layer"
import * as Logger from "effect4/Logger"
import type * as LogLevel from "effect4/LogLevel"
import * as References from "effect4/References"

interface Options extends Omit<Logger.Options<unknown>, "logLevel"> {
  readonly annotations: HashMap.HashMap<string, unknown>
  readonly logLevel: { readonly label: string }
}

export const make = <Output>(log: (options: Options) => Output): Logger.Logger<unknown, Output> =>
  Logger.make((options) =>
    log({
      ...options,
      annotations: HashMap.fromIterable(
        Object.entries(options.fiber.getRef(References.CurrentLogAnnotations)),
      ),
      logLevel: { label: options.logLevel.toUpperCase() },
    })
  )

export const add = (logger: Logger.Logger<unknown, unknown>): Layer.Layer<never> =>
  Logger.layer([logger], { mergeWithExisting: true })

export const replace = (
  own: Logger.Logger<unknown, unknown>,
  logger: Logger.Logger<unknown, unknown>,
): Layer.Layer<never> =>
  Layer.effect(
    Logger.CurrentLoggers,
    Effect.map(
      Logger.CurrentLoggers,
      (loggers) => new Set([...[...loggers].filter((other) => other !== own), logger]),
    ),
  )

export const minimumLogLevel = (level: LogLevel.LogLevel): Layer.Layer<never> =>
  Layer.succeed(References.MinimumLogLevel, level)

export const withMinimumLogLevel =
  (level: LogLevel.LogLevel) => <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.provideService(self, References.MinimumLogLevel, level)

export const prettyLogger = (
  { mode, ...options }: { readonly colors: boolean; readonly mode: "tty" | "browser" },
): Logger.Logger<unknown, void> =>
  mode === "tty" ? Logger.consolePrettyTty(options) : Logger.consolePrettyBrowser(options)
