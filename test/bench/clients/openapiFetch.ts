import createClient from "openapi-fetch"
import { z } from "zod"
import type { Setting } from "../pages.ts"
import type { paths } from "./paths.ts"

const ApiKey = z.object({
  id: z.string(),
  name: z.string(),
  service_account_id: z.string(),
  created_at: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
})

export const Page = z.object({
  api_keys: z.array(ApiKey),
  pagination: z.object({ next_page: z.string().optional() }).optional(),
})

export const walk = async ({ baseUrl, pageSize, token }: Setting): Promise<number> => {
  const headers = { authorization: `Bearer ${token}` }
  const client = createClient<paths>({ baseUrl, headers })
  let count = 0
  let page: string | undefined
  do {
    const start = page === undefined ? {} : { "pagination.page": page }
    const { data, response } = await client.GET("/api/v1/api-keys", {
      params: { query: { "pagination.limit": pageSize, ...start } },
    })
    if (!response.ok) throw new Error(`The API answered ${response.status}`)
    const { api_keys, pagination } = Page.parse(data)
    count += api_keys.length
    page = pagination?.next_page
  } while (page !== undefined && page !== "")
  return count
}
