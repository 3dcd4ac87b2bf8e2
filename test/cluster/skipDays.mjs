/**
 * Preloaded into a process, it makes days pass in seconds, once the process has got SIGUSR2. A timer
 * of over an hour then ends after two seconds, in which a look or a rotation can end, and moves the
 * wall clock on by its time. As in Node, a timer of over 2^31 - 1 ms does not wait.
 */
const { setTimeout, Date: RealDate } = globalThis
let skipped = 0
let isSkipping = false
process.once("SIGUSR2", () => {
  isSkipping = true
})

globalThis.Date = class extends RealDate {
  constructor(...args) {
    super(...(args.length === 0 ? [RealDate.now() + skipped] : args))
  }
  static now() {
    return RealDate.now() + skipped
  }
}

globalThis.setTimeout = (run, millis, ...args) => {
  if (!(millis > 3_600_000 && millis < 2 ** 31)) return setTimeout(run, millis, ...args)
  // clearTimeout ends an interval too.
  const timer = setInterval(() => {
    if (!isSkipping) return
    clearInterval(timer)
    skipped += millis
    run(...args)
  }, 2000)
  return timer
}
