/** Tells the story in an edge worker. The request holds the setting, and the answer the results. */
import { tell } from "./story.ts"

export default {
  fetch: async (request: Request): Promise<Response> =>
    Response.json(await tell(await request.json())),
}
