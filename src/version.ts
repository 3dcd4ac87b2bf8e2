/** The version of the module, as package.json and deno.json have it. */
export const version = "0.1.0"
