import { describe, expect, it } from "@effect/vitest"
import {
  escapeText,
  holdsSecret,
  redactor,
  secretsIn,
  showDetails,
  showText,
} from "../../src/transport/redact.ts"

const part = "NkdXLI9d81Mnx3djs45iwPfgtnaRv0XCh0Z9047K"
const token = `CCDB1_12345abcdefGHIJKLMnopq_${part}`
// A new one each time, since a redactor caches.
const redact = (text: string): string => redactor([token])(text)

describe("redaction", () => {
  it.each([
    ["", ""],
    ["nothing here", "nothing here"],
    [token, "<redacted>"],
    [`a ${token} b`, "a <redacted> b"],
    [part, "<redacted>"],
    [`-${part}-${part}-`, "-<redacted>-<redacted>-"],
    // Eight characters in a row of a secret are hidden, seven are not.
    [part.slice(0, 8), "<redacted>"],
    [part.slice(-8), "<redacted>"],
    [part.slice(5, 13), "<redacted>"],
    [part.slice(5, 12), part.slice(5, 12)],
    [`${part.slice(0, 10)}${part.slice(20, 30)}x`, "<redacted><redacted>x"],
    [`${part.slice(0, 10)} ${part.slice(20, 27)}`, `<redacted> ${part.slice(20, 27)}`],
    // An id is no secret.
    ["CCDB1_12345abcdefGHIJKLMnopq", "CCDB1_12345abcdefGHIJKLMnopq"],
    ["12345abcdefGHIJKLMnopq", "12345abcdefGHIJKLMnopq"],
    ["LMnopq_Nkd", "LMnopq_Nkd"],
    [`q_${part.slice(0, 7)}`, `q_${part.slice(0, 7)}`],
    [`ends like it: ${part.slice(-5)}`, `ends like it: ${part.slice(-5)}`],
    // Anything of a secret's form counts as one.
    ["x CCDB1_other_secret y CCDB1_a_b z", "x <redacted> y <redacted> z"],
    ["CCDB1_a_bCCDB1_c_d_e f", "<redacted> f"],
    ["CCDB1_id_", "CCDB1_id_"],
    // Only a secret has 40 letters or digits in a row.
    ["x".repeat(39), "x".repeat(39)],
    ["x".repeat(40), "<redacted>"],
    ["x".repeat(41), "<redacted>"],
    [`a-${"0aZ".repeat(500)}-b ${"y".repeat(40)}`, "a-<redacted>-b <redacted>"],
    [`CCDB1_damaged\u00f1id_${"x".repeat(40)}`, "CCDB1_damaged\u00f1id_<redacted>"],
    [`_${"x".repeat(40)}_${"y".repeat(39)}_`, `_<redacted>_${"y".repeat(39)}_`],
    ["1234abcd-1234-1234-abcd-12345678abcd", "1234abcd-1234-1234-abcd-12345678abcd"],
  ])("turns %j into %j", (text, shown) => {
    expect(redact(text)).toBe(shown)
  })

  it("hides a short secret wherever it stands", () => {
    expect(redactor(["seven77"])("a seven77 b seven77c")).toBe("a <redacted> b <redacted>c")
  })

  it.each([
    ['a"b', 'x a\\"b y'],
    ["a b", "x a+b y"],
    ["a b", "x a%20b y"],
  ])("hides the short secret %j in %j", (secret, text) => {
    expect(redactor([secret])(text)).toBe("x <redacted> y")
  })

  it.each([
    ["underscores", "_a".repeat(2 ** 22)],
    ["letters", `_${"a".repeat(2 ** 23)}`],
    ["other secrets", `_${"CCDB1_a".repeat(2 ** 20)}`],
  ])("recognizes a secret of eight MiB, full of %s", (_, rest) => {
    expect(redact(`x CCDB1_a${rest} y`)).toBe("x <redacted> y")
    expect(secretsIn(`x CCDB1_a${rest} y`)).toHaveLength(1)
  })

  it("recognizes a key id only at the beginning of a secret", () => {
    expect(redactor(["x-CCDB1_a_0123456789"])("x-CCDB1_a")).toBe("<redacted>")
    expect(redactor(["CCDB1_abcdefghi_0123456789"])("abcdefghi 0123456789")).toBe(
      "abcdefghi <redacted>",
    )
  })

  it("hides nothing if there is no secret", () => {
    expect(redactor([""])("abc")).toBe("abc")
    expect(redactor([])("abc")).toBe("abc")
  })

  it("hides a secret as URLs and JSON spell it", () => {
    const odd = `a/b+c=d&e"f\\g'h(i)j*k!l~m`
    const redactOdd = redactor([odd])
    const url = new URL(`https://x.example/?t=${encodeURIComponent(odd)}`)
    url.searchParams.set("u", odd)
    for (
      const spelling of [
        odd,
        JSON.stringify(odd).slice(1, -1),
        encodeURIComponent(odd),
        url.searchParams.toString(),
      ]
    ) {
      const shown = redactOdd(spelling)
      for (let i = 0; i + 8 <= odd.length; i++) expect(shown).not.toContain(odd.slice(i, i + 8))
      expect(shown).toContain("<redacted>")
      expect(shown.replaceAll("<redacted>", "").length).toBeLessThan(8)
    }
  })
})

describe("holdsSecret", () => {
  it.each([
    [true, token],
    [true, `?a=${token}&`],
    [true, `CCDB1_${"a".repeat(22)}_${"b".repeat(40)}`],
    [false, `CCDB1_${"a".repeat(22)}_${"b".repeat(39)}`],
    [false, `CCDB1_${"a".repeat(21)}_${"b".repeat(40)}`],
    [false, "CCDB1_12345abcdefGHIJKLMnopq"],
    [false, "CCDB1_12345abcdefGHIJKLMnopq_1647980591"],
  ])("is %s for %s", (holds, text) => {
    expect(holdsSecret(text, "another-token-than-any-of-these")).toBe(holds)
  })

  it("is true for the token in use, if that has 16 characters or more", () => {
    expect(holdsSecret("a 16-letter-token b", "16-letter-token ".trim() + "s")).toBe(false)
    expect(holdsSecret("x16-letter--tokenx", "16-letter--token")).toBe(true)
    expect(holdsSecret("15-letter-token", "15-letter-token")).toBe(false)
  })
})

describe("the secrets of an answer", () => {
  it("are all texts of a secret's form, each once", () => {
    expect(secretsIn("CCDB1_a_b CCDB1_c_d, CCDB1_a_b")).toEqual(["CCDB1_a_b", "CCDB1_c_d"])
    expect(secretsIn("none")).toEqual([])
  })

  it("are cut to their first 1,024 characters", () => {
    expect(secretsIn(`CCDB1_a_${"b".repeat(8_000_000)}`)).toEqual([`CCDB1_a_${"b".repeat(1016)}`])
  })

  it("are not collected if there are more than a hundred", () => {
    const secrets = (n: number) => Array.from({ length: n }, (_, i) => `CCDB1_a_${i}`).join()
    expect(secretsIn(secrets(100))?.length).toBe(100)
    expect(secretsIn(`${secrets(100)},${secrets(100)}`)?.length).toBe(100)
    expect(secretsIn(secrets(101))).toBeUndefined()
  })
})

describe("shown text", () => {
  it.each([
    ["a\nb", "a\\u{a}b"],
    ["\u001b[31mred", "\\u{1b}[31mred"],
    ["\u0000\u007f\u009f", "\\u{0}\\u{7f}\\u{9f}"],
    ["\u202eright to left", "\\u{202e}right to left"],
    ["zero\u200bwidth\ufeff", "zero\\u{200b}width\\u{feff}"],
    ["line\u2028and\u2029paragraph", "line\\u{2028}and\\u{2029}paragraph"],
    ["half of \ud83d a pair", "half of \\u{d83d} a pair"],
    ["\u{e0001}", "\\u{e0001}"],
    ["é 漢 \u{1f511} <b>", "é 漢 \u{1f511} <b>"],
  ])("escapes %j as %j", (text, shown) => {
    expect(escapeText(text)).toBe(shown)
  })

  it("is cut after 500 characters, with an ellipsis", () => {
    expect(escapeText("x".repeat(500))).toBe("x".repeat(500))
    expect(escapeText("x".repeat(501))).toBe(`${"x".repeat(500)}…`)
    expect(escapeText("\n".repeat(500)).length).toBe(501)
  })

  it("is redacted before it is cut", () => {
    expect(showText("x ".repeat(240) + token, redact)).toBe(`${"x ".repeat(240)}<redacted>`)
    expect(showText("x ".repeat(1985) + token, redact)).toBe(`${"x ".repeat(250)}…`)
    expect(showText(`${token} ${"y ".repeat(2500)}`, redact)).toBe(
      `<redacted> ${"y ".repeat(244)}y…`,
    )
  })

  it("shows no beginning of a secret at the cut", () => {
    const other = `CCDB1_${"a".repeat(22)}_${"b".repeat(40)}`
    // A long run of letters is shown as ten characters, which brings the cut into view.
    for (let before = 3900; before < 4000; before++) {
      const shown = showText(`${"c".repeat(before)} ${other}`, redact)
      expect(shown.replaceAll("<redacted>", "")).not.toMatch(/[abc]{8}/)
    }
  })

  it("is not searched beyond what can be shown", () => {
    let looked = 0
    showText("y ".repeat(4_000_000), (text) => {
      looked += text.length
      return text
    })
    expect(looked).toBeLessThanOrEqual(4000)
  })
})

describe("shown details", () => {
  it("are unchanged if they hold nothing harmful", () => {
    const details = [
      { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "R", n: 7, ok: true },
      null,
      "text",
      [[1.5], {}],
    ]
    expect(showDetails(details, redact)).toEqual(details)
  })

  it("hold no secret in a key or in a text", () => {
    expect(showDetails([{ [token]: [`a ${part}`] }, token], redact)).toEqual([
      { "<redacted>": ["a <redacted>"] },
      "<redacted>",
    ])
  })

  it("hold no number that is a part of a secret", () => {
    const hidden = redactor(["x-12345678-y"])
    expect(showDetails([12345678, { n: -912345678.5, m: 1234567 }], hidden)).toEqual([
      "<redacted>",
      { n: "<redacted>", m: 1234567 },
    ])
  })

  it("have their keys and texts escaped", () => {
    expect(showDetails([{ "\n": "\u001b" }], redact)).toEqual([{ "\\u{a}": "\\u{1b}" }])
  })

  it("lose the key __proto__, and no other", () => {
    const details = JSON.parse('[{"__proto__":{"x":1},"constructor":2,"y":3}]')
    const [shown] = showDetails(details, redact)
    expect(Object.keys(Object(shown))).toEqual(["constructor", "y"])
  })

  it("are cut at a depth of eight", () => {
    const nested = (depth: number, within: (value: unknown) => unknown): unknown => {
      let value: unknown = 1
      for (let at = 0; at < depth; at++) value = within(value)
      return value
    }
    const arrays = (depth: number) => nested(depth, (value) => [value])
    expect(showDetails([arrays(7)], redact)).toEqual([arrays(7)])
    expect(JSON.stringify(showDetails([arrays(8)], redact))).toBe('[[[[[[[["…"]]]]]]]]')
    const objects = (depth: number) => nested(depth, (a) => ({ a }))
    expect(showDetails([objects(7)], redact)).toEqual([objects(7)])
    expect(JSON.stringify(showDetails([objects(8)], redact))).toContain('"…"')
    // This is deeper than any runtime's stack.
    expect(JSON.stringify(showDetails([arrays(1e6)], redact))).toBe('[[[[[[[["…"]]]]]]]]')
  })

  it("are at most 500 values in all", () => {
    const count = (value: unknown): number =>
      typeof value === "object" && value !== null
        ? Object.values(value).reduce<number>((n, item) => n + 1 + count(item), 0)
        : 0
    const wide = Array.from({ length: 30 }, () => ({ a: Array(30).fill(1) }))
    expect(count(wide)).toBe(960)
    expect(count(showDetails(wide, redact))).toBe(500)
    expect(showDetails(Array(500).fill(1), redact)).toEqual(Array(500).fill(1))
    expect(showDetails(Array(501).fill(1), redact).length).toBe(500)
    const members = Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`k${i}`, i]))
    expect(count(showDetails([members], redact))).toBe(500)
  })
})
