/**
 * How the steps of matching can grow with the length of a text: as its power of this number, `Infinity` where
 * they can grow exponentially. Never less than what V8 does; often more, because whether two neighbouring
 * repetitions can match the same characters is not looked at.
 */
export function backtracking(source: string): number {
  return new PatternScan(source).degree();
}

interface Group {
  /** Repetitions, options and alternatives in it: each multiplies the ways to match. */
  choices: number;
}

/** `*`, `+`, `?`, `{2,}`, `{2,3}` or `{2}`, possibly lazy. */
const QUANTIFIER = /(?:[*+?]|\{\d+(?:,\d*)?\})\??/y;
/** A group that looks around, a reference to what a group has matched: no bound is known for them. */
const UNBOUNDED = /\(\?<?[=!]|\\[1-9]|\\k</y;
/** One escape, one character class: what counts as one character. */
const ATOM = /\\[pPu]\{[^}]*\}|\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]/y;
const GROUP_START = /\((?:\?(?:<[^>]*>|[a-z-]*:))?/y;

class PatternScan {
  readonly #source: string;
  readonly #open: Group[] = [];
  #group: Group = { choices: 0 };
  #at = 0;

  constructor(source: string) {
    this.#source = source;
  }

  degree(): number {
    // Not anchored: tried from each place in the text.
    const start = this.#source.startsWith("^") && !this.#source.includes("|") ? 0 : 1;
    while (this.#at < this.#source.length) {
      if (this.#skip(UNBOUNDED)) return Infinity;
      if (this.#skip(GROUP_START)) {
        this.#open.push(this.#group);
        this.#group = { choices: 0 };
        continue;
      }
      const inner = this.#atom();
      const quantifier = this.#skip(QUANTIFIER);
      if (!quantifier) continue;
      // Ways to match, repeated: (a+)+, (a|a)*, (a?){20}.
      if (inner > 0 && !quantifier.startsWith("?")) return Infinity;
      if (!/^\{\d+\}/.test(quantifier)) this.#group.choices++;
    }
    return start + this.#group.choices;
  }

  /** Goes over one thing that can be repeated; the choices in it. */
  #atom(): number {
    if (this.#skip(ATOM)) return 0;
    const character = this.#source[this.#at++];
    if (character === "|") this.#group.choices++;
    if (character !== ")") return 0;
    const inner = this.#group.choices;
    this.#group = this.#open.pop() ?? { choices: 0 };
    this.#group.choices += inner;
    return inner;
  }

  #skip(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#source)?.[0];
    if (found !== undefined) this.#at += found.length;
    return found;
  }
}
