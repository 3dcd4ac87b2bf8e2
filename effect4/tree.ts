/**
 * Writes the source of the second line: `src/` with the replaced files, and with Effect 4's modules,
 * by their own names or through `names/`.
 *
 * @module
 */
import * as fs from "node:fs"
import * as path from "node:path"

/** What the tree is made of, and where it goes. */
export interface TreeOptions {
  /** The folder of the project. */
  readonly root: string
  /** Where the sources are written. */
  readonly to: string
}

/** Writes the tree, and answers with its files. */
export const writeTree = ({ root, to }: TreeOptions): ReadonlyArray<string> => {
  const names = filesOf(path.join(root, "effect4/names"))
  const replaced = new Set(filesOf(path.join(root, "effect4/src")))
  const sources = filesOf(path.join(root, "src")).filter((file) => file !== "emulator/bin.ts")
  for (const file of replaced) {
    if (!sources.includes(file)) {
      throw new Error(`effect4/src/${file} replaces nothing in src`)
    }
  }
  fs.rmSync(to, { recursive: true, force: true })
  const write = (file: string, text: string) => {
    const target = path.join(to, file)
    fs.mkdirSync(path.dirname(target), { recursive: true })
    fs.writeFileSync(target, text)
    return file
  }
  return [
    ...sources.map((file) => {
      const from = path.join(
        root,
        replaced.has(file) ? "effect4/src" : "src",
        file,
      )
      return write(file, rename(fs.readFileSync(from, "utf8"), file, names))
    }),
    ...names.map((file) =>
      write(
        `names/${file}`,
        rename(
          fs.readFileSync(path.join(root, "effect4/names", file), "utf8"),
          `names/${file}`,
          [],
        ),
      )
    ),
  ]
}

const filesOf = (folder: string): ReadonlyArray<string> =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((
      file,
    ) => file.endsWith(".ts"))
    : []

/**
 * Points imports of Effect 3's modules to what Effect 4 has in their place. Examples in docstrings are
 * a user's, who has Effect 4's own names.
 */
const rename = (text: string, file: string, names: ReadonlyArray<string>): string =>
  text.replace(
    /^( \* )?(.*(?:from |import\())"(effect4|effect|@effect\/platform)\/([^"]+)"/gm,
    (_, inDocs: string | undefined, before: string, packageName: string, module: string) => {
      const name = `${module}.ts`
      const isNamed = packageName !== "effect4" && inDocs === undefined && names.includes(name)
      const target = isNamed
        ? relative(file, `names/${name}`)
        : `effect/${packageName === "@effect/platform" ? `http/${module}` : module}`
      return `${inDocs ?? ""}${before}"${target}"`
    },
  )

const relative = (from: string, to: string): string => {
  const between = path.posix.relative(path.posix.dirname(from), to)
  return between.startsWith(".") ? between : `./${between}`
}
