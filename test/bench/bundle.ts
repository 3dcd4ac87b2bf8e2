/**
 * What the module adds to a bundle.
 *
 * @module
 */
import * as esbuild from "esbuild"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { root } from "./alone.ts"
import { atMost, figure, type Row } from "./row.ts"

/** A program's bundle: minified, for any runtime. */
export interface Bundle {
  /** Bytes after gzip. */
  readonly size: number
  /** The files of which something is in it, from the top of the repository. */
  readonly files: ReadonlyArray<string>
}

/** Bundles one of `programs/`, with Effect or, where `withEffect` is false, without it. */
export const bundle = async (program: string, withEffect = true): Promise<Bundle> => {
  const { metafile, outputFiles } = await esbuild.build({
    entryPoints: [join(root, `test/bench/programs/${program}.ts`)],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    format: "esm",
    // Whatever is for Node alone cannot be resolved, and ends the build.
    platform: "browser",
    target: "es2022",
    ...(withEffect ? {} : { packages: "external" as const }),
    write: false,
    outfile: "bundle.js",
    metafile: true,
    logLevel: "error",
  })
  const [output] = Object.values(metafile.outputs)
  return {
    size: gzipSync(outputFiles[0]?.contents ?? "", { level: 9 }).length,
    files: Object.entries(output?.inputs ?? {})
      .filter(([, { bytesInOutput }]) => bytesInOutput > 0)
      .map(([path]) => path),
  }
}

const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`

/** Measures two programs against one that does without the module. */
export const bundleBench = async (): Promise<ReadonlyArray<Row>> => {
  const effect = await bundle("effectAlone")
  const rows = async (program: string, what: string, target: number) => {
    const { size } = await bundle(program)
    const own = await bundle(program, false)
    return [
      atMost(`bundle of ${what}, over Effect's own share`, size - effect.size, target, kilobytes),
      figure("  in all; of which without Effect", `${kilobytes(size)}; ${kilobytes(own.size)}`),
    ]
  }
  return [
    ...await rows("oneEndpoint", "a one-endpoint program", 10_700),
    ...await rows("wholeModule", "the whole module", 25_300),
    figure("  Effect's own share: HttpClient and a Schema", kilobytes(effect.size)),
  ]
}
