/**
 * Writes the source of the second line: `src/` with the replaced files, and with Effect 4's
 * modules, by their own names or through `names/`.
 *
 * @module
 */
import * as fs from "node:fs"
import * as path from "node:path"

/** Where the tree comes from, and where it goes. */
export interface TreeOptions {
  /** The project's folder. */
  readonly root: string
  /** The folder to write the sources to. */
  readonly to: string
}

/** Turns a version of the first line into the second line's. Only the major version differs. */
export const ofSecondLine = (text: string): string => text.replace(/\b3(?=\.\d+\.\d+)/, "4")

/** Writes the tree, and returns its files. */
export const writeTree = ({ root, to }: TreeOptions): ReadonlyArray<string> => {
  const names = readNames(root)
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
    return text
  }
  const texts = sources.map((file) => {
    const from = path.join(root, replaced.has(file) ? "effect4/src" : "src", file)
    const text = translate(fs.readFileSync(from, "utf8"), file, names)
    return write(file, file === "version.ts" ? ofSecondLine(text) : text)
  })
  const used = Object.keys(names).map((name) => `names/${name}.ts`)
    .filter((file) => texts.some((text) => text.includes(`/${file}"`)))
  for (const file of used) {
    write(file, translate(fs.readFileSync(path.join(root, "effect4", file), "utf8"), file, {}))
  }
  return [...sources, ...used]
}

const filesOf = (folder: string): ReadonlyArray<string> =>
  fs.existsSync(folder)
    ? fs.readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((
      file,
    ) => file.endsWith(".ts"))
    : []

/** Where Effect 4 has what a file of `names/` gives: in a module of its own, or in that file. */
interface Origin {
  /** Below `effect`, or in `names/` if the file itself makes it. */
  readonly module: string
  readonly member: string
}

/** Finds where a member comes from, by its module and its name in Effect 3. */
type Names = Readonly<Record<string, (member: string) => Origin>>

const readNames = (root: string): Names =>
  Object.fromEntries(
    filesOf(path.join(root, "effect4/names")).map((file) => {
      const text = fs.readFileSync(path.join(root, "effect4/names", file), "utf8")
      const [, whole] = /^export \* from "effect4\/(.+)"$/m.exec(text) ?? []
      const renamed = new Map(
        [...text.matchAll(/^export \{([^}]*)\} from "effect4\/(.+)"$/gm)].flatMap(
          ([, members = "", module = ""]) =>
            [...members.matchAll(/(\w+)(?: as (\w+))?(?:,|\s*$)/g)].map(
              ([, member = "", name = member]) => [name, { module, member }] as const,
            ),
        ),
      )
      const own = new Set(
        [...text.matchAll(/^export (?:const|type) (\w+)/gm)].map(([, name]) => name),
      )
      const originOf = (member: string): Origin =>
        renamed.get(member) ??
          { module: own.has(member) || whole === undefined ? `names/${file}` : whole, member }
      return [file.replace(/\.ts$/, ""), originOf]
    }),
  )

// Leaves comments as they are: a docstring's examples are for a user, who has Effect 4's own names.
const commentOr = (pattern: string) => new RegExp(`/\\*.*?\\*/|//[^\\n]*|${pattern}`, "gs")

/** Rewrites the types that differ in more than a name. */
const shaped = (text: string): string =>
  text
    .replaceAll("Brand.Brand.Constructor<", "Brand.Constructor<")
    .replace(/(Context\.ReferenceClass<)\s*\w+,\s*"[^"]+",\s*/g, "$1")

/** Translates a source from Effect 3 to Effect 4's modules and names. */
const translate = (text: string, file: string, names: Names): string => {
  /** The modules that the file imports as a whole, by their names in it. */
  const imports = new Map<string, { readonly target: string; readonly isType: boolean }>()
  const add = (origin: string, as: string, isType: boolean) => {
    const target = origin.startsWith("names/") ? relative(file, origin) : `effect/${origin}`
    const known = imports.get(as)
    if (known !== undefined && known.target !== target) {
      throw new Error(`${file}: ${as} is both ${known.target} and ${target}`)
    }
    imports.set(as, { target, isType: isType && known?.isType !== false })
    return as
  }
  const asked = new Map<string, { readonly originOf: Names[string]; readonly isType: boolean }>()
  const place = "// imports of Effect\n"
  const code = shaped(text).replace(
    /^import (type )?\* as (\w+) from "(effect4|effect|@effect\/platform)\/(.+)"\n/gm,
    (_, type: string | undefined, as: string, packageName: string, module: string) => {
      const isType = type !== undefined
      const originOf = packageName === "effect4" ? undefined : names[module]
      if (originOf !== undefined) asked.set(as, { originOf, isType })
      else add(packageName === "@effect/platform" ? `http/${module}` : module, as, isType)
      return place
    },
  )
  const members = commentOr(`(?<![.\\w])(${[...asked.keys()].join("|") || "(?!)"})\\.(\\w+)`)
  const translated = code.replace(members, (whole, name?: string, member?: string) => {
    const found = asked.get(name ?? "")
    if (found === undefined || member === undefined) return whole
    const origin = found.originOf(member)
    const as = path.basename(origin.module, ".ts")
    const isOwn = origin.module.startsWith("names/")
    return `${add(origin.module, isOwn ? `${as}Names` : as, found.isType)}.${origin.member}`
  })
  const lines = [...imports].map(([as, { isType, target }]) =>
    `import ${isType ? "type " : ""}* as ${as} from "${target}"\n`
  )
  return rename(translated.replace(place, lines.sort().join("")).replaceAll(place, ""), file, names)
}

// Imports by name are few. They all go through `names/`, which has the unchanged names too.
const rename = (text: string, file: string, names: Names): string =>
  text.replace(
    /^( \* )?(.*(?:from |import\())"(effect4|effect|@effect\/platform)\/([^"]+)"/gm,
    (_, inDocs: string | undefined, before: string, packageName: string, module: string) => {
      const isNamed = /[{}]/.test(before) && inDocs === undefined && packageName !== "effect4" &&
        module in names
      const target = isNamed
        ? relative(file, `names/${module}.ts`)
        : `effect/${packageName === "@effect/platform" ? `http/${module}` : module}`
      return `${inDocs ?? ""}${before}"${target}"`
    },
  )

const relative = (from: string, to: string): string => {
  const between = path.posix.relative(path.posix.dirname(from), to)
  return between.startsWith(".") ? between : `./${between}`
}
