/** One piece of a regular expression. */
export interface Token {
  readonly kind: "open" | "close" | "or" | "anchor" | "character";
  readonly source: string;
  /** How often it may be repeated; on a group, with its end. 1 to 1 where nothing is said. */
  readonly least: number;
  readonly most: number;
}

/** A group that looks around, a reference to what a group has matched. */
const SPECIAL = /\(\?<?[=!]|\\[1-9]|\\k</y;
const KINDS: readonly [Token["kind"], RegExp][] = [
  ["open", /\((?:\?(?:<[^>]*>|[a-z-]*:))?/y],
  ["close", /\)/y],
  ["or", /\|/y],
  ["anchor", /[\^$]|\\[bB]/y],
  [
    "character",
    /\\[pPu]\{[^}]*\}|\\u[\da-fA-F]{4}|\\x[\da-fA-F]{2}|\\c[A-Za-z]|\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|[\s\S]/y,
  ],
];
const QUANTIFIER = /(?:[*+?]|\{(\d+)(,?)(\d*)\})\??/y;

/** The pieces of a pattern that compiles, or undefined where it looks around or refers to groups. */
export function tokensOf(source: string): readonly Token[] | undefined {
  const tokens: Token[] = [];
  let at = 0;
  const skip = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source) ?? undefined;
    at += found?.[0].length ?? 0;
    return found;
  };
  while (at < source.length) {
    if (skip(SPECIAL)) return undefined;
    for (const [kind, pattern] of KINDS) {
      const found = skip(pattern);
      if (!found) continue;
      const repeatable = kind === "close" || kind === "character";
      tokens.push({ kind, source: found[0], ...repetition(repeatable ? skip(QUANTIFIER) : undefined) });
      break;
    }
  }
  return tokens;
}

function repetition(quantifier: RegExpExecArray | undefined): { least: number; most: number } {
  if (!quantifier) return { least: 1, most: 1 };
  const [whole, least, comma, most] = quantifier;
  if (least !== undefined) {
    return { least: Number(least), most: comma === "" ? Number(least) : most === "" ? Infinity : Number(most) };
  }
  if (whole.startsWith("?")) return { least: 0, most: 1 };
  return { least: whole.startsWith("+") ? 1 : 0, most: Infinity };
}
