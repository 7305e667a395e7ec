import assert from "node:assert/strict";
import { backtracking } from "../../lib/engine/matching/pattern-risk.js";

describe("backtracking of a pattern", () => {
  const cases: [pattern: RegExp, power: number, factor?: number][] = [
    [/abc/, 1],
    [/^abc/, 1],
    [/WARN|ERROR|^x/, 1, 4],
    [/a+/, 1],
    [/user=(\d+)/, 1],
    [/(\d+) ms/, 2],
    [/^(\S+ \S+) (\w+) (\S+)/, 1],
    [/^(\S+ \S+) (\w+) (\S+)/m, 2],
    [/^\[([^\]]+)\] "(\w+)/, 1],
    [/^(\d+)$/, 1],
    [/^.*a/, 1],
    [/^.*.*a/, 2],
    [/^.*(.*)x?/, 2, 2],
    [/.*a.*b/, 3],
    [/^\w+\d/, 1],
    [/^\w+(?:-|x)/, 1, 2],
    [/^k+\u212a/i, 1],
    [/^\p{Lu}+A/u, 1],
    [/(\p{Lu})+A/u, 2],
    [/\p{Lu}+1/u, 2],
    [/^a{100}$/, 1, 100],
    [/^a{2,5}b{20,40}c/, 1, 4],
    [/^\p{Lu}{2,3}/u, 1, 2],
    [/^(?<name>a)?b/, 1, 2],
    [/^(a+b)?/, 1, 2],
    [/^[(+*]a\+/, 1],
    [/(a+)+/, Infinity],
    [/(a|a)*/, Infinity],
    [/(a?){20}/, Infinity],
    [/((a+))*?/, Infinity],
    [/((a)?b)+/, Infinity],
    [/(a)\1/, Infinity],
    [/(?=a)/, Infinity],
    [/(?<!a)/, Infinity],
    [/(?<n>a)\k<n>/, Infinity],
    [/(([a)]+)b)+/, Infinity],
  ];
  for (const [pattern, power, factor] of cases) {
    it(`${pattern}`, () => {
      const risk = backtracking(pattern);
      assert.equal(risk.power, power);
      if (factor !== undefined) assert.equal(risk.factor, factor);
    });
  }
});
