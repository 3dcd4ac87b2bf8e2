export * from "effect4/Cause"
export {
  findErrorOption as failureOption,
  hasInterruptsOnly as isInterruptedOnly,
  IllegalArgumentError as IllegalArgumentException,
  NoSuchElementError as NoSuchElementException,
} from "effect4/Cause"
import * as Cause from "effect4/Cause"

export const parallel = <E, E2>(
  left: Cause.Cause<E>,
  right: Cause.Cause<E2>,
): Cause.Cause<E | E2> => Cause.combine(left, right)

export const sequential: typeof parallel = parallel

// A flat cause has no structure, so all of its reasons count as parallel.
export const match = <E, A>(
  self: Cause.Cause<E>,
  { onDie, onEmpty, onFail, onInterrupt, onParallel }: {
    readonly onEmpty: A
    readonly onFail: (error: E) => A
    readonly onDie: (defect: unknown) => A
    readonly onInterrupt: (fiberId: number | undefined) => A
    readonly onSequential: (left: A, right: A) => A
    readonly onParallel: (left: A, right: A) => A
  },
): A => {
  const [first = onEmpty, ...others] = self.reasons.map((reason) =>
    Cause.isFailReason(reason)
      ? onFail(reason.error)
      : Cause.isDieReason(reason)
      ? onDie(reason.defect)
      : onInterrupt(reason.fiberId)
  )
  return others.reduce(onParallel, first)
}
