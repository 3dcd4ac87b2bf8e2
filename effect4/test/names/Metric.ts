export * from "effect4/Metric"
import * as Effect from "effect4/Effect"
import * as Metric from "effect4/Metric"
import * as Option from "effect4/Option"

export const snapshot = Effect.map(
  Metric.snapshot,
  (all) =>
    all.map(({ attributes = {}, description, id, state }) => ({
      metricKey: {
        name: id,
        description: Option.fromNullishOr(description),
        tags: Object.entries(attributes).map(([key, value]) => ({ key, value })),
        keyType: {
          ...("buckets" in state && {
            // Effect 3 lists the last bucket too, which is for all longer times.
            boundaries: { values: [...state.buckets.map(([boundary]) => boundary), Infinity] },
          }),
          ...("incremental" in state && { incremental: state.incremental }),
        },
      },
      metricState: state,
    })),
)
