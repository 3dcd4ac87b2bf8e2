/**
 * Makes metrics with attributes.
 *
 * @module
 */
import * as Metric from "effect/Metric"
import * as MetricBoundaries from "effect/MetricBoundaries"
import * as MetricKey from "effect/MetricKey"
import * as MetricLabel from "effect/MetricLabel"

/** Tells metrics of the same name apart. */
export type Attributes = Readonly<Record<string, string>>

/** Counts values by the boundaries that they fall between. */
export const histogram = (
  name: string,
  description: string,
  boundaries: ReadonlyArray<number>,
  attributes: Attributes,
): Metric.Metric.Histogram<number> =>
  Metric.fromMetricKey(
    MetricKey.taggedWithLabels(
      MetricKey.histogram(name, MetricBoundaries.fromIterable(boundaries), description),
      labels(attributes),
    ),
  )

/** Counts up. */
export const counter = (
  name: string,
  description: string,
  attributes: Attributes,
): Metric.Metric.Counter<number> =>
  Metric.fromMetricKey(
    MetricKey.taggedWithLabels(
      MetricKey.counter(name, { description, incremental: true }),
      labels(attributes),
    ),
  )

const labels = (attributes: Attributes): ReadonlyArray<MetricLabel.MetricLabel> =>
  Object.entries(attributes).map(([name, value]) => MetricLabel.make(name, value))
