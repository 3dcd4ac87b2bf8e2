export {
  decodeString as decodeBase64UrlString,
  encode as encodeBase64Url,
} from "effect4/encoding/Base64Url"
