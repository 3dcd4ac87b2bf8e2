/**
 * What the module adds to a bundle.
 *
 * @module
 */
import * as esbuild from "esbuild"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import { bundleOptions, type Line, root } from "./lines.ts"
import { atMost, figure, type Row } from "./row.ts"

/** A program's bundle: minified, for any runtime. */
export interface Bundle {
  /** Bytes after gzip. */
  readonly size: number
  /** The files that contribute to it, as paths in the repository. */
  readonly files: ReadonlyArray<string>
}

/** Bundles one of `programs/` for a line. */
export const bundle = async (program: string, line: Line): Promise<Bundle> => {
  const { metafile, outputFiles } = await esbuild.build({
    ...bundleOptions(line),
    entryPoints: [join(root, `test/bench/programs/${program}.ts`)],
    minify: true,
    // For "browser" esbuild refuses modules of Node's.
    platform: "browser",
    target: "es2022",
    write: false,
    outfile: "bundle.js",
    metafile: true,
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

/** Limits in bytes, minified and compressed, Effect included. Only changed code changes a size. */
export const limits: Readonly<
  Record<Line, { readonly oneEndpoint: number; readonly wholeModule: number }>
> = {
  3: { oneEndpoint: 96_300, wholeModule: 116_500 },
  4: { oneEndpoint: 47_400, wholeModule: 83_400 },
}

/** Measures two programs, and one without the module. */
export const bundleBench = async (line: Line): Promise<ReadonlyArray<Row>> => {
  const effect = await bundle("effectAlone", line)
  const row = async (program: keyof typeof limits[Line], what: string) => {
    const { size } = await bundle(program, line)
    return atMost(`bundle of ${what}, in all`, size, limits[line][program], kilobytes)
  }
  return [
    await row("oneEndpoint", "a one-endpoint program"),
    await row("wholeModule", "the whole module"),
    figure("  of a program of Effect's HttpClient and a Schema", kilobytes(effect.size)),
  ]
}
