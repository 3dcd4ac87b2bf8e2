import { readFileSync, writeFileSync } from "node:fs"
import process from "node:process"
import type { Setting } from "./pages.ts"

/** The costs of a walk in its own process. */
export interface Walked {
  readonly keys: number
  readonly millis: number
  /** Processor time of all threads. */
  readonly cpuMillis: number
  /** Resident bytes after a short walk and a garbage collection. */
  readonly idle: number
  /** The most resident bytes at any moment of the walk. */
  readonly peak: number
  /** Live bytes when idle and at the peak, if they were sampled. */
  readonly live: { readonly idle: number; readonly peak: number } | undefined
}

// Linux keeps the process's exact peak, which sampling would miss.
const peakOfProcess = (): number => {
  try {
    const [, kibibytes] = /VmHWM:\s*(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8")) ?? []
    return Number(kibibytes) * 1024
  } catch {
    return process.resourceUsage().maxRSS * 1024
  }
}

const forgetPeak = (): void => {
  try {
    writeFileSync("/proc/self/clear_refs", "5")
  } catch {
    // Elsewhere the peak of the whole process includes its start.
  }
}

const liveBytes = (): number => {
  globalThis.gc?.()
  const { external, heapUsed } = process.memoryUsage()
  return external + heapUsed
}

/** Walks a short list to warm up, then the real one, and prints the costs of the second walk. */
export const report = async (
  walk: (setting: Setting) => Promise<number>,
): Promise<void> => {
  // alone.ts writes these arguments.
  const [short, long, samplesLive]: [Setting, Setting, boolean] = JSON.parse(process.argv[2] ?? "")
  await walk(short)
  const idleLive = liveBytes()
  const idle = process.memoryUsage.rss()
  let peakLive = idleLive
  const sampling = samplesLive
    ? setInterval(() => peakLive = Math.max(peakLive, liveBytes()), 200)
    : undefined
  forgetPeak()
  const cpu = process.cpuUsage()
  const start = performance.now()
  const keys = await walk(long)
  const millis = performance.now() - start
  clearInterval(sampling)
  const { system, user } = process.cpuUsage(cpu)
  const walked: Walked = {
    keys,
    millis,
    cpuMillis: (system + user) / 1000,
    idle,
    peak: peakOfProcess(),
    live: samplesLive ? { idle: idleLive, peak: peakLive } : undefined,
  }
  console.log(JSON.stringify(walked))
}
