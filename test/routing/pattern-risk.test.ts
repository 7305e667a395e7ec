import assert from "node:assert/strict";
import { backtracking } from "../../nodes/routing/interceptors/pattern-risk.js";

describe("backtracking of a pattern", () => {
  const cases: [pattern: string, degree: number][] = [
    ["abc", 1],
    ["^abc", 0],
    ["^abc|d", 2],
    ["a+", 2],
    ["^a+", 1],
    ["^[(+*]a\\+", 0],
    ["^\\d{4}-\\d{2}", 0],
    ["^\\p{Lu}{2,3}", 1],
    ["^(\\S+) (\\S+)", 2],
    ["^(?:a|b)c", 2],
    ["^(?<name>a)?", 1],
    ["^a{b", 0],
    ["(a+)+", Infinity],
    ["(a|a)*", Infinity],
    ["(a?){20}", Infinity],
    ["((a+))*?", Infinity],
    ["(a)\\1", Infinity],
    ["(?=a)", Infinity],
    ["(?<!a)", Infinity],
    ["(?<n>a)\\k<n>", Infinity],
    ["(([a)]+)b)+", Infinity],
  ];
  for (const [pattern, degree] of cases) {
    it(`of ${pattern} is ${degree}`, () => assert.equal(backtracking(pattern), degree));
  }
});
