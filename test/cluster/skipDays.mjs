/**
 * Preloaded into a process, it makes days pass in a moment. A timer of over an hour ends at once and
 * moves the wall clock on by its time. As in Node, a timer of over 2^31 - 1 ms does not wait.
 */
const { setTimeout, Date: RealDate } = globalThis
let skipped = 0

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
  return setTimeout(() => {
    skipped += millis
    run(...args)
  }, 500)
}
