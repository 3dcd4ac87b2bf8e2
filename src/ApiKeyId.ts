/**
 * The ids of keys and of service accounts.
 *
 * @module
 */
import * as Brand from "effect/Brand"

/** Identifies a key: by the API's description `CCDB1_` and 22 letters or digits. Not a secret. */
export type ApiKeyId = string & Brand.Brand<"ApiKeyId">

/** Brands a string as a key's id, unchecked: the API alone knows which ids exist. */
export const ApiKeyId: Brand.Brand.Constructor<ApiKeyId> = Brand.nominal<ApiKeyId>()

/** Identifies the service account that a key acts for: by the API's description a UUID. */
export type ServiceAccountId = string & Brand.Brand<"ServiceAccountId">

/** Brands a string as a service account's id, unchecked: the API alone knows which ids exist. */
export const ServiceAccountId: Brand.Brand.Constructor<ServiceAccountId> = Brand.nominal<
  ServiceAccountId
>()
