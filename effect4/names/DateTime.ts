export * from "effect4/DateTime"
export {
  fromDateUnsafe as unsafeFromDate,
  makeUnsafe as unsafeMake,
  nowUnsafe as unsafeNow,
} from "effect4/DateTime"
