import { type Token, tokensOf } from "./pattern-tokens.js";

/** A bound for the steps that matching takes at worst: `factor × length ^ power`; power is Infinity where there is none. */
export interface Risk {
  readonly power: number;
  readonly factor: number;
}

const UNBOUNDED: Risk = { power: Infinity, factor: 1 };
/** From this many repetitions on, up to the length of the text is assumed. */
const MANY = 16;

/**
 * How matching can grow with the length of the text. Never too low; too high where it does not look closely,
 * because a pattern that is thought to be worse than it is only costs a watchdog.
 */
export function backtracking(pattern: RegExp): Risk {
  const tokens = tokensOf(pattern.source);
  if (!tokens || hasRepeatedChoice(tokens)) return UNBOUNDED;
  const flags = pattern.flags.replace(/[gy]/g, "");
  // Not anchored: tried from each place in the text.
  let power = isAnchored(tokens) && !pattern.multiline ? 0 : 1;
  let factor = 1;
  let runs = 0;
  for (const [i, token] of tokens.entries()) {
    if (token.kind === "or") factor *= 2;
    if (token.least === token.most) {
      factor *= Math.max(1, token.most);
      continue;
    }
    if (token.most <= MANY) {
      factor *= token.most - token.least + 1;
      continue;
    }
    const rest = tokens.slice(i + 1);
    if (endsPattern(rest)) continue;
    if (token.kind === "character" && isCutOff(token, rest, flags)) runs = 1;
    else power++;
  }
  // Ways to give characters back that fail at the next character add up, and do not multiply.
  return { power: Math.max(1, power + runs), factor };
}

/** Ways to match, repeated: (a+)+, (a|a)*, (a?){20}. They multiply with each repetition. */
function hasRepeatedChoice(tokens: readonly Token[]): boolean {
  const open: boolean[] = [];
  let choice = false;
  for (const token of tokens) {
    if (token.kind === "open") {
      open.push(choice);
      choice = false;
    } else if (token.kind === "close") {
      if (choice && token.most > 1) return true;
      choice = (open.pop() ?? false) || choice || token.least !== token.most;
    } else if (token.kind === "or" || token.least !== token.most) choice = true;
  }
  return false;
}

function isAnchored(tokens: readonly Token[]): boolean {
  let depth = 0;
  for (const { kind } of tokens) {
    if (kind === "open") depth++;
    else if (kind === "close") depth--;
    else if (kind === "or" && depth === 0) return false;
  }
  return tokens[0]?.source === "^";
}

/** Nothing follows that could fail, so nothing is ever given back. */
function endsPattern(rest: readonly Token[]): boolean {
  return rest.every(({ kind, most }) => kind === "close" && most === 1);
}

/** What must follow has no character in common with what is repeated: only one length can be right. */
function isCutOff(repeated: Token, rest: readonly Token[], flags: string): boolean {
  const next = rest.find(
    ({ kind, least, most }) => !((kind === "close" || kind === "open") && least === 1 && most === 1),
  );
  if (!next) return false;
  if (next.kind === "anchor") return next.source === "$";
  // An alternative in the group that opens before it may begin with something else.
  const plain = rest.slice(0, rest.indexOf(next)).every(({ kind }) => kind === "close");
  const noAlternatives = plain || !rest.some(({ kind }) => kind === "or");
  if (next.kind !== "character" || next.least === 0 || !noAlternatives) return false;
  return !overlap(repeated.source, next.source, flags);
}

function overlap(one: string, other: string, flags: string): boolean {
  if (mayMatchBeyondAscii(one) && mayMatchBeyondAscii(other)) return true;
  const first = single(one, flags);
  const second = single(other, flags);
  if (!first || !second) return true;
  for (let code = 0; code < 128; code++) {
    const character = String.fromCharCode(code);
    if (first.test(character) && second.test(character)) return true;
  }
  // A letter and its relatives in other scripts (the Kelvin sign is a k).
  return flags.includes("i") && (mayMatchBeyondAscii(one) || mayMatchBeyondAscii(other));
}

function single(source: string, flags: string): RegExp | undefined {
  try {
    return new RegExp(`^(?:${source})$`, flags);
  } catch {
    return undefined;
  }
}

/** Plain characters, `\d`, `\w`, escaped signs, and lists of those. */
const ASCII_ONLY = /^(?:[ -[\]-~]|\\[dwtnrfv0]|\\[^A-Za-z0-9]|\[(?!\^)(?:[ -[\]-~]|\\[dwtnrfv]|\\[^A-Za-z0-9])+\])$/;

function mayMatchBeyondAscii(source: string): boolean {
  return source === "." || !ASCII_ONLY.test(source);
}
