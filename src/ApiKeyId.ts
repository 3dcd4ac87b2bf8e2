/**
 * The ids of keys and of service accounts.
 *
 * @module
 */
import * as Brand from "effect/Brand"

/** The id of a key. The API describes it as `CCDB1_` and 22 letters or digits. It is no secret. */
export type ApiKeyId = string & Brand.Brand<"ApiKeyId">

/** Brands a string as a key's id. It checks nothing: only the API knows which ids exist. */
export const ApiKeyId: Brand.Brand.Constructor<ApiKeyId> = Brand.nominal<ApiKeyId>()

/** The id of the service account that a key acts for. The API describes it as a UUID. */
export type ServiceAccountId = string & Brand.Brand<"ServiceAccountId">

/**
 * Brands a string as a service account's id. It checks nothing: only the API knows which ids exist.
 */
export const ServiceAccountId: Brand.Brand.Constructor<ServiceAccountId> = Brand.nominal<
  ServiceAccountId
>()
