import { openApi } from "./src/emulator/definition.ts"
console.log(JSON.stringify(openApi(), null, 1))
