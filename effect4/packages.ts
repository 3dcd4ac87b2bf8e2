/**
 * `npm run packages`: builds what both lines publish. `packages/npm-3` and `npm-4` each have a
 * tarball beside them. `packages/jsr-3` and `jsr-4` are published as they are.
 *
 * @module
 */
import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import * as path from "node:path"
import { compile } from "./dist.ts"
import { ofSecondLine, writeTree } from "./tree.ts"

const root = process.cwd()
const packages = path.join(root, "packages")

const read = (file: string) => JSON.parse(fs.readFileSync(path.join(root, file), "utf8"))
const write = (file: string, value: object) =>
  fs.writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)
const run = (cwd: string, command: string, ...args: ReadonlyArray<string>) =>
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] })

const manifest = (() => {
  const { devDependencies: _, scripts: __, ...published } = read("package.json")
  return published
})()

/** A line: its number, its manifest for npm, and how to write its sources into a folder. */
interface Line {
  readonly line: 3 | 4
  readonly manifest: typeof manifest
  readonly writeSources: (to: string) => void
}

const lines: ReadonlyArray<Line> = [
  {
    line: 3,
    manifest,
    writeSources: (to) =>
      fs.cpSync(path.join(root, "src"), to, {
        recursive: true,
        filter: (file) => !/src\/(?:tsconfig\.json|emulator\/bin\.ts)$/.test(file),
      }),
  },
  {
    line: 4,
    manifest: {
      ...manifest,
      version: ofSecondLine(manifest.version),
      description: manifest.description.replace("Effect 3", "Effect 4"),
      ...read("effect4/manifest.json"),
    },
    writeSources: (to) => {
      writeTree({ root, to })
      writeGuides(to)
    },
  },
]

/** Writes the guides beside the sources, with Effect 4's modules in their programs. */
function writeGuides(to: string): void {
  const sources = path.join(root, "src")
  const files = fs.readdirSync(sources, { recursive: true, encoding: "utf8" })
  for (const file of files.filter((file) => file.endsWith(".md"))) {
    const text = fs.readFileSync(path.join(sources, file), "utf8")
    fs.writeFileSync(path.join(to, file), text.replaceAll('"@effect/platform/', '"effect/http/'))
  }
}

const jsrManifest = (
  { peerDependencies, version }: {
    readonly version: string
    readonly peerDependencies: Readonly<Record<string, string>>
  },
) => {
  const { exports, license, name, nodeModulesDir } = read("deno.json")
  const imports = Object.entries(peerDependencies).map(([name, range]) => [
    `${name}/`,
    `npm:/${name}@${range}/`,
  ])
  return { name, version, license, exports, imports: Object.fromEntries(imports), nodeModulesDir }
}

// A user's project has Effect 4 there, under its own name.
const linkEffect4 = (folder: string) => {
  fs.mkdirSync(path.join(folder, "node_modules"))
  fs.symlinkSync("../../../node_modules/effect4", path.join(folder, "node_modules/effect"))
}

fs.rmSync(packages, { recursive: true, force: true })
run(root, "npm", "run", "build:emulator")
for (const { line, manifest, writeSources } of lines) {
  const npm = path.join(packages, `npm-${line}`)
  const jsr = path.join(packages, `jsr-${line}`)
  for (const folder of [npm, jsr]) {
    fs.mkdirSync(folder, { recursive: true })
    for (const document of ["README.md", "LICENSE", "CHANGELOG.md"]) {
      fs.copyFileSync(path.join(root, document), path.join(folder, document))
    }
    writeSources(path.join(folder, "src"))
    if (line === 4) linkEffect4(folder)
  }
  write(path.join(jsr, "deno.json"), jsrManifest(manifest))
  write(path.join(npm, "package.json"), manifest)
  compile(root, npm)
  fs.cpSync(path.join(root, "dist/bin"), path.join(npm, "dist/bin"), { recursive: true })
  run(npm, "npm", "pack", "--loglevel=error", "--pack-destination", packages)
}
