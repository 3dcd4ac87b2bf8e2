/**
 * The models of a key, and their shapes on the wire.
 *
 * @module
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { ApiKeyId, ServiceAccountId } from "./ApiKeyId.ts"
import { pageToken, parseDateTime } from "./wire.ts"

export { ApiKeyId, ServiceAccountId }

/** A key as the API describes it. It has no secret: only the answer to a create shows that. */
export interface ApiKey {
  /** Get, update and delete take it. The key's secret starts with it. */
  readonly id: ApiKeyId
  /** Free text; two keys may have the same name. */
  readonly name: string
  /** The service account that the key acts for. */
  readonly serviceAccountId: ServiceAccountId
  /** When the key was made, to the millisecond: a `DateTime` cannot hold the API's microseconds. */
  readonly createdAt: DateTime.Utc
}

/** A new key and its secret. The service does not store the secret: keep it now or never. */
export interface CreatedApiKey {
  /** The key, as get and list show it from now on. */
  readonly apiKey: ApiKey
  /** The token for the `Authorization` header. It starts with the key's id. */
  readonly secret: Redacted.Redacted<string>
}

/** One page of a list, sorted by `createdAt`, with opaque tokens for the pages next to it. */
export interface ApiKeyPage {
  /** The keys of the page. A page can be empty although more pages follow. */
  readonly apiKeys: ReadonlyArray<ApiKey>
  /** Pass it as `startPage` to get the next page. None on the last page. */
  readonly nextPage: Option.Option<string>
  /** Pass it as `startPage` to get the page before. None if the API gives none. */
  readonly previousPage: Option.Option<string>
}

/** An {@link ApiKey} on the wire. */
export interface ApiKeyEncoded {
  /** `CCDB1_` and 22 letters or digits. */
  readonly id: string
  /** Free text. */
  readonly name: string
  /** A UUID. */
  readonly service_account_id: string
  /** RFC 3339, up to microseconds. */
  readonly created_at: string
}

/** A {@link CreatedApiKey} on the wire. */
export interface CreatedApiKeyEncoded {
  /** The new key. */
  readonly api_key: ApiKeyEncoded
  /** The key's id, `_`, and 40 letters or digits. */
  readonly secret: string
}

/** An {@link ApiKeyPage} on the wire. */
export interface ApiKeyPageEncoded {
  /** The keys, sorted by `created_at`. */
  readonly api_keys: ReadonlyArray<ApiKeyEncoded>
  /** On the last page it is absent or null, or its `next_page` is absent, null or empty. */
  readonly pagination?:
    | {
      readonly next_page?: string | null | undefined
      readonly previous_page?: string | null | undefined
    }
    | null
    | undefined
}

const Timestamp = Schema.transform(
  Schema.String.pipe(
    Schema.filter((text) => parseDateTime(text) !== undefined, {
      description: "an RFC 3339 date-time",
    }),
  ),
  Schema.DateTimeUtcFromSelf,
  {
    strict: true,
    decode: (text) => DateTime.unsafeMake(parseDateTime(text) ?? NaN),
    encode: DateTime.formatIso,
  },
)

const Id = Schema.String.pipe(Schema.fromBrand(ApiKeyId))

const AccountId = Schema.String.pipe(Schema.fromBrand(ServiceAccountId))

/** Decodes an {@link ApiKey} from the wire. Unknown fields are ignored. */
export const ApiKey: Schema.Schema<ApiKey, ApiKeyEncoded> = Schema.transform(
  Schema.Struct({
    id: Id,
    name: Schema.String,
    service_account_id: AccountId,
    created_at: Timestamp,
  }),
  Schema.Struct({
    id: Schema.typeSchema(Id),
    name: Schema.String,
    serviceAccountId: Schema.typeSchema(AccountId),
    createdAt: Schema.DateTimeUtcFromSelf,
  }),
  {
    strict: true,
    decode: ({ created_at, id, name, service_account_id }) => ({
      id,
      name,
      serviceAccountId: service_account_id,
      createdAt: created_at,
    }),
    encode: ({ createdAt, id, name, serviceAccountId }) => ({
      id,
      name,
      service_account_id: serviceAccountId,
      created_at: createdAt,
    }),
  },
)

/** Decodes a {@link CreatedApiKey} from the wire; the secret is redacted as it is read. */
export const CreatedApiKey: Schema.Schema<CreatedApiKey, CreatedApiKeyEncoded> = Schema.transform(
  Schema.Struct({ api_key: ApiKey, secret: Schema.Redacted(Schema.String) }),
  Schema.Struct({
    apiKey: Schema.typeSchema(ApiKey),
    secret: Schema.RedactedFromSelf(Schema.String),
  }),
  {
    strict: true,
    decode: ({ api_key, secret }) => ({ apiKey: api_key, secret }),
    encode: ({ apiKey, secret }) => ({ api_key: apiKey, secret }),
  },
)

/** Decodes an {@link ApiKeyPage} from the wire. */
export const ApiKeyPage: Schema.Schema<ApiKeyPage, ApiKeyPageEncoded> = Schema.transform(
  Schema.Struct({
    api_keys: Schema.Array(ApiKey),
    pagination: Schema.optional(Schema.NullOr(
      Schema.Struct({
        next_page: Schema.optional(Schema.NullOr(Schema.String)),
        previous_page: Schema.optional(Schema.NullOr(Schema.String)),
      }),
    )),
  }),
  Schema.Struct({
    apiKeys: Schema.Array(Schema.typeSchema(ApiKey)),
    nextPage: Schema.OptionFromSelf(Schema.String),
    previousPage: Schema.OptionFromSelf(Schema.String),
  }),
  {
    strict: true,
    decode: ({ api_keys, pagination }) => ({
      apiKeys: api_keys,
      nextPage: pageToken(pagination?.next_page),
      previousPage: pageToken(pagination?.previous_page),
    }),
    encode: ({ apiKeys, nextPage, previousPage }) => ({
      api_keys: apiKeys,
      pagination: {
        next_page: Option.getOrUndefined(nextPage),
        previous_page: Option.getOrUndefined(previousPage),
      },
    }),
  },
)
