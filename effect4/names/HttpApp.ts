export * from "effect4/http/HttpEffect"
