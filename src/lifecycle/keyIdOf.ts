/**
 * Whose secret is this?
 *
 * @module
 */
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { ApiKeyId } from "../ApiKey.ts"

// Nothing of another form is taken for an id: a piece of some other secret would go into a URL.
const secretForm = /^(CCDB\d+_[A-Za-z0-9]+)_[A-Za-z0-9]+$/

/** The id that a key's secret begins with; None for anything else, a JWT for instance. */
export const keyIdOf = (secret: Redacted.Redacted<string>): Option.Option<ApiKeyId> =>
  Option.map(
    Option.fromNullable(secretForm.exec(Redacted.value(secret))?.[1]),
    (id) => ApiKeyId(id),
  )
