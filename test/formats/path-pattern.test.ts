import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { copyHeaders } from "../../lib/engine/event.js";
import { PathPattern, type PatternOptions } from "../../lib/formats/path-pattern.js";
import { LOCAL_ZONE, type ROUND_UNITS, roundDown, timeZone } from "../../lib/formats/zoned-time.js";
import { root } from "../support/machine.js";

/** Zone, timestamp, unit and value of the rounding (empty: none), pattern, and what Flume made of it. */
type Vector = readonly [string, number, (typeof ROUND_UNITS)[number] | "", number, string, string];

const vectors = JSON.parse(
  readFileSync(join(root, "test", "formats", "fixtures", "bucket-path-vectors.json"), "utf8"),
) as readonly Vector[];

const hosts = { localhost: "here", IP: "192.0.2.1", FQDN: "here.example" };
const utc: PatternOptions = { zone: timeZone("UTC") ?? LOCAL_ZONE, rounding: undefined, hosts };
const codeOf = (code: string) => (error: unknown) => isHeadraceError(error) && error.code === code;
const headers = (values: Readonly<Record<string, string>>) => copyHeaders(values);

describe("escapes of paths", () => {
  it("are those of Flume, letter by letter, in every zone and rounding", () => {
    assert.ok(vectors.length > 500);
    for (const [name, time, unit, value, pattern, expected] of vectors) {
      const zone = timeZone(name);
      assert.ok(zone, name);
      const rounding = unit === "" ? undefined : { unit, value };
      const got = new PathPattern(pattern, { zone, rounding, hosts }).resolve(
        headers({ timestamp: String(time) }),
        undefined,
      );
      assert.equal(got, expected, `${name} ${time} ${unit} ${value}`);
    }
  });

  it("put in headers, host names and percent signs, and leave the rest as it is", () => {
    const pattern = new PathPattern("/a%%b/%{topic}/%{no-such.one}x/%[localhost]/%[IP]/%[FQDN]/%-/100%", utc);
    assert.equal(
      pattern.resolve(headers({ topic: "news" }), undefined),
      "/a%b/news/x/here/192.0.2.1/here.example/%-/100%",
    );
    // A percent sign needs no timestamp, whatever Flume thinks.
    assert.equal(pattern.usesTime, false);
  });

  it("do not look into what a header brings", () => {
    const pattern = new PathPattern("/%{a}", utc);
    assert.equal(pattern.resolve(headers({ a: "%Y%{b}", b: "no" }), undefined), "/%Y%{b}");
  });

  it("use the clock instead of the header when told so", () => {
    const pattern = new PathPattern("%s %t", utc);
    assert.equal(pattern.resolve(headers({ timestamp: "5" }), 1_700_000_000_123), "1700000000 1700000000123");
  });

  it("give the raw timestamp as it was written", () => {
    assert.equal(new PathPattern("%t", utc).resolve(headers({ timestamp: "0012" }), undefined), "0012");
  });

  it("want a timestamp that is one", () => {
    const pattern = new PathPattern("/%Y", utc);
    assert.throws(() => pattern.resolve(headers({}), undefined), codeOf("FLUME_TIMESTAMP_MISSING"));
    for (const timestamp of ["", "soon", "12.5", "1e3", "99999999999999999", "0x10"]) {
      assert.throws(
        () => pattern.resolve(headers({ timestamp }), undefined),
        codeOf("FLUME_TIMESTAMP_INVALID"),
        timestamp,
      );
    }
  });

  it("refuse a host name that does not exist", () => {
    assert.throws(() => new PathPattern("/%[hostname]", utc), codeOf("FLUME_ESCAPE_UNKNOWN"));
  });

  it("know a zone by Java's names only, where Java would take UTC for any other", () => {
    for (const name of ["Nowhere/Land", "GMT+", "+", "GMT+8:5", "GMT+24", "GMT+08:60", "-99"]) {
      assert.equal(timeZone(name), undefined, name);
    }
    assert.equal(timeZone("GMT-23:59")?.offsetAt(0), -(24 * 60 - 1) * 60_000);
    assert.equal(timeZone("")?.offsetAt(0), LOCAL_ZONE.offsetAt(0));
    assert.equal(timeZone("CST")?.offsetAt(1_700_000_000_000), -6 * 3_600_000);
  });

  it("round down to the same moment for all of an interval", () => {
    const zone = timeZone("Asia/Kolkata") ?? LOCAL_ZONE;
    const start = Date.UTC(2024, 0, 1, 18, 30);
    for (let i = 0; i < 24 * 60; i++) {
      const time = start + i * 60_000 + 12_345;
      assert.equal(roundDown(time, { unit: "hour", value: 24 }, zone), start);
      assert.equal(roundDown(time, { unit: "minute", value: 1 }, zone), start + i * 60_000);
    }
  });
});
