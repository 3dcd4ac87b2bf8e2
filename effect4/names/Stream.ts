export * from "effect4/Stream"
export {
  catch as catchAll,
  runForEachArray as runForEachChunk,
  unwrap as unwrapScoped,
} from "effect4/Stream"
import * as Effect from "effect4/Effect"
import type * as Option from "effect4/Option"
import type * as Pull from "effect4/Pull"
import * as Stream from "effect4/Stream"

export const mapConcat = <A, E, R, B>(
  self: Stream.Stream<A, E, R>,
  f: (value: A) => ReadonlyArray<B>,
): Stream.Stream<B, E, R> => Stream.flattenIterable(Stream.map(self, f))

export const paginateEffect = <S, A, E, R>(
  first: S,
  f: (state: S) => Effect.Effect<readonly [A, Option.Option<S>], E, R>,
): Stream.Stream<A, E, R> =>
  Stream.paginate(first, (state) => Effect.map(f(state), ([value, next]) => [[value], next]))

export const repeatEffectChunkOption = <A, E, R>(
  pull: Pull.Pull<readonly [A, ...ReadonlyArray<A>], E, void, R>,
): Stream.Stream<A, E, R> => Stream.fromPull(Effect.succeed(pull))
