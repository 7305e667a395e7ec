/**
 * A replacement as Java's `Matcher.replaceAll` takes it (`$1`, `${name}`, a backslash before what is meant
 * literally), for JavaScript's `replace`.
 * @throws Error when it names a group that the pattern lacks, or ends in the middle of something.
 */
export function replacementOf(text: string, pattern: RegExp): string {
  const groups = groupsOf(pattern);
  let out = "";
  for (let i = 0; i < text.length; ) {
    const character = text[i++] as string;
    if (character === "\\") {
      if (i === text.length) throw new Error("the replacement ends with a single backslash");
      out += literal(text[i++] as string);
    } else if (character !== "$") out += character;
    else {
      const reference = readReference(text.slice(i), groups);
      i += reference.length;
      out += reference.replacement;
    }
  }
  return out;
}

interface Groups {
  readonly count: number;
  readonly names: ReadonlySet<string>;
}

function groupsOf(pattern: RegExp): Groups {
  // With an empty alternative it matches the empty text, and tells its groups.
  const found = new RegExp(`${pattern.source}|`, pattern.flags.replace("g", "")).exec("") as RegExpExecArray;
  return { count: found.length - 1, names: new Set(Object.keys(found.groups ?? {})) };
}

function readReference(text: string, groups: Groups): { length: number; replacement: string } {
  const [whole, name] = /^\{([^}]*)\}/.exec(text) ?? [];
  if (whole !== undefined && name !== undefined) {
    if (!groups.names.has(name)) throw new Error(`the pattern has no group named ${name}`);
    return { length: whole.length, replacement: `$<${name}>` };
  }
  let digits = /^\d*/.exec(text)?.[0] ?? "";
  if (digits === "") throw new Error("a group's number or {name} must follow $; write \\$ for the character itself");
  // As Java does: more digits belong to the number only while there is such a group.
  while (digits.length > 1 && Number(digits) > groups.count) digits = digits.slice(0, -1);
  const number = Number(digits);
  if (number > groups.count || number > 99) throw new Error(`the pattern has no group ${number}`);
  // Two digits, so that a digit that follows is not taken for a part of the number.
  return { length: digits.length, replacement: number === 0 ? "$&" : `$${String(number).padStart(2, "0")}` };
}

function literal(character: string): string {
  return character === "$" ? "$$" : character;
}
