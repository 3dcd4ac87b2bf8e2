/** The part for the list of what openapi-typescript 7 makes from the API's description. */
export interface paths {
  "/api/v1/api-keys": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never }
    get: {
      parameters: {
        query?: {
          service_account_id?: string
          "pagination.page"?: string
          "pagination.limit"?: number
          "pagination.as_of_time"?: string
          "pagination.sort_order"?: "ASC" | "DESC"
        }
        header?: never
        path?: never
        cookie?: never
      }
      requestBody?: never
      responses: {
        200: {
          headers: { [name: string]: unknown }
          content: {
            "application/json": {
              api_keys: Array<{
                created_at: string
                id: string
                name: string
                service_account_id: string
              }>
              pagination?: { next_page?: string; previous_page?: string }
            }
          }
        }
        default: {
          headers: { [name: string]: unknown }
          content: { "application/json": { code?: number; details?: unknown[]; message?: string } }
        }
      }
    }
  }
}
