export * from "effect4/ConfigProvider"
import * as ConfigProvider from "effect4/ConfigProvider"

export const fromMap = (map: ReadonlyMap<string, string>): ConfigProvider.ConfigProvider =>
  ConfigProvider.fromEnv({ env: Object.fromEntries(map), preserveEmptyStrings: true })
