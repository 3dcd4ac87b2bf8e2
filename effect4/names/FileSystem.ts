export * from "effect4/FileSystem"
