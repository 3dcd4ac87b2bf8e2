/** Tells the story in an edge worker: the setting comes as a request, the results are its answer. */
import { tell } from "./story.ts"

export default {
  fetch: async (request: Request): Promise<Response> =>
    Response.json(await tell(await request.json())),
}
