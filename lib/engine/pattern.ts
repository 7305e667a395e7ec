/**
 * A regular expression as Flume's users write them (java.util.regex) as a JavaScript one: leading
 * inline flags `(?i)`, `(?s)`, `(?m)`, and the anchors `\A`, `\z`, `\Z` are translated; what
 * JavaScript lacks (possessive quantifiers, `\Q…\E` …) is refused by its own compiler.
 * @throws SyntaxError when the pattern does not compile.
 */
export function compilePattern(pattern: string, flags = ""): RegExp {
  const inline = /^\(\?([ims]+)\)/.exec(pattern);
  const source = (inline ? pattern.slice(inline[0].length) : pattern)
    .replace(/(?<!\\)((?:\\\\)*)\\A/g, "$1(?<![\\s\\S])")
    .replace(/(?<!\\)((?:\\\\)*)\\[zZ]/g, "$1(?![\\s\\S])");
  const unicode = /\\[pP]\{/.test(source) ? "u" : "";
  return new RegExp(source, [...new Set(flags + (inline?.[1] ?? "") + unicode)].join(""));
}

/** The same as Java's `matches()` takes it: from the first character of a text to the last. */
export function compileWholePattern(pattern: string): RegExp {
  const { source, flags } = compilePattern(pattern);
  return new RegExp(`^(?:${source})$`, flags.replace("m", ""));
}
