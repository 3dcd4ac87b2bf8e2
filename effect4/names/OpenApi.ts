export * from "effect4/http-api/OpenApi"
