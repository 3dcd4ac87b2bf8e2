/**
 * Builds both lines' packages: `packages/npm-3` and `npm-4` with a tarball of each beside them, and
 * what JSR publishes, `packages/jsr-3` and `jsr-4`.
 *
 * @module
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { writeTree } from "./tree.ts"

const root = process.cwd()
const packages = path.join(root, "packages")

const read = (file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8"))
const write = (file: string, value: object) =>
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
const run = (cwd: string, command: string, ...args: ReadonlyArray<string>) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] })

const documents = ["README.md", "LICENSE", "CHANGELOG.md"]

const copyDocuments = (to: string) => {
  for (const file of documents) {
    fs.copyFileSync(path.join(root, file), path.join(to, file))
  }
}

// The manifests of the second line are those of the first, but for what it has of its own.
const manifestOf = (own: object) => {
  const { devDependencies: _, scripts: __, ...shared } = read("package.json")
  return { ...shared, ...own }
}

const jsrOf = ({ peerDependencies, version }: {
  readonly version: string
  readonly peerDependencies: Readonly<Record<string, string>>
}) => {
  const { exports, license, name } = read("deno.json")
  const imports = Object.entries(peerDependencies).map(([name, range]) => [
    `${name}/`,
    `npm:/${name}@${range}/`,
  ])
  return {
    name,
    version,
    license,
    exports,
    imports: Object.fromEntries(imports),
  }
}

const build = (
  line: 3 | 4,
  manifest: ReturnType<typeof manifestOf>,
  writeSources: (to: string) => void,
) => {
  const npm = path.join(packages, `npm-${line}`)
  const jsr = path.join(packages, `jsr-${line}`)
  for (const folder of [npm, jsr]) {
    fs.mkdirSync(folder, { recursive: true })
    copyDocuments(folder)
    writeSources(path.join(folder, "src"))
  }
  write(path.join(jsr, "deno.json"), jsrOf(manifest))
  write(path.join(npm, "package.json"), manifest)
  write(path.join(npm, "tsconfig.json"), {
    extends: "../../src/tsconfig.json",
    compilerOptions: { rootDir: "src", outDir: "dist" },
    include: ["src"],
    exclude: [],
  })
  return npm
}

fs.rmSync(packages, { recursive: true, force: true })
const lines = [
  build(3, manifestOf({}), (to) => {
    fs.cpSync(path.join(root, "src"), to, {
      recursive: true,
      filter: (file) => !/src\/(?:tsconfig\.json|emulator\/bin\.ts)$/.test(file),
    })
  }),
  build(4, manifestOf(read("effect4/manifest.json")), (to) => {
    writeTree({ root, to })
  }),
]
// Types and tests resolve `effect` from here as a user's project does: Effect 4 by its own name.
const [, four] = lines
if (four !== undefined) {
  fs.mkdirSync(path.join(four, "node_modules"))
  fs.symlinkSync(
    path.join(root, "node_modules/effect4"),
    path.join(four, "node_modules/effect"),
  )
}
run(root, "npm", "run", "build:emulator")
for (const npm of lines) {
  run(root, "npx", "tsc", "-p", path.join(npm, "tsconfig.json"))
  fs.rmSync(path.join(npm, "tsconfig.json"))
  fs.mkdirSync(path.join(npm, "dist/bin"), { recursive: true })
  fs.copyFileSync(
    path.join(root, "dist/bin/emulator.cjs"),
    path.join(npm, "dist/bin/emulator.cjs"),
  )
  run(npm, "npm", "pack", "--pack-destination", packages)
}
