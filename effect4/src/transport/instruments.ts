// In Effect 4, a metric has no key of its own: it gets its attributes when it is made.
import * as Metric from "effect/Metric"

export type Attributes = Readonly<Record<string, string>>

export const histogram = (
  name: string,
  description: string,
  boundaries: ReadonlyArray<number>,
  attributes: Attributes,
): Metric.Histogram<number> => Metric.histogram(name, { description, boundaries, attributes })

export const counter = (
  name: string,
  description: string,
  attributes: Attributes,
): Metric.Counter<number> => Metric.counter(name, { description, attributes, incremental: true })
