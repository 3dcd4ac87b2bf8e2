import { ConfigError } from "effect4/Config"
import { SourceError } from "effect4/ConfigProvider"

export { ConfigError } from "effect4/Config"

export const InvalidData = (
  _path: ReadonlyArray<string>,
  message: string,
): ConfigError => new ConfigError(new SourceError({ message }))

export const MissingData: typeof InvalidData = InvalidData
