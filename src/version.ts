/** The version of the module, as package.json and deno.json have it. */
export const version = "3.0.0"
