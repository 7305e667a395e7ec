import assert from "node:assert/strict";
import type { DelimitedForm } from "../../lib/formats/log-groups/delimited-body.js";
import { delimited, NOW } from "./support/conversion.js";

describe("LogGroups as delimited bodies", () => {
  it("columns in their order, cells in quotes where they need it, newlines as spaces", () => {
    assert.equal(
      delimited([
        ["c", "3"],
        ["x", "not asked for"],
        ["a", "1"],
      ]),
      "1,,3",
    );
    assert.equal(
      delimited([
        ["a", "x,y"],
        ["b", 'say "a"'],
        ["c", "1\n2\r"],
      ]),
      '"x,y","say ""a""","1 2\r"',
    );
    assert.equal(
      delimited(
        [
          ["a", "1"],
          ["b", ""],
        ],
        { applyQuotesToAll: true },
      ),
      '"1","",',
    );
    assert.equal(
      delimited([
        ["a", "1"],
        ["a", "2"],
      ]),
      "2,,",
    );
  });

  it("tabs, control characters and letters of several bytes as separators; a separator is escaped where nothing is quoted", () => {
    assert.equal(
      delimited(
        [
          ["a", "1"],
          ["b", "2"],
        ],
        { separatorChar: "\t" },
      ),
      "1\t2\t",
    );
    assert.equal(
      delimited(
        [
          ["a", "1§2"],
          ["b", "2"],
        ],
        { separatorChar: "§" },
      ),
      '"1§2"§2§',
    );
    assert.equal(
      delimited(
        [
          ["a", "1,2\\"],
          ["b", '"'],
        ],
        { quoteChar: "", escapeChar: "\\" },
      ),
      '1\\,2\\\\,",',
    );
    assert.equal(delimited([["a", 'x",']], { escapeChar: "" }), '"x",",,');
  });

  it("timestamp and local time in cells, an end of lines", () => {
    assert.equal(delimited([["a", "1"]], { appendTimestamp: true, lineEnd: "\r\n" }), "1,,,1600000000000\r\n");
    assert.equal(delimited([["a", "1"]], { localTimeFieldName: "b" }), `1,${NOW},`);
  });

  it("bytes that are not UTF-8 become U+FFFD, and 1 MB of quotes has room", () => {
    assert.equal(
      delimited([
        ["a", Buffer.from([0xff, 0x2c])],
        ["b", Buffer.from([0xfe])],
      ]),
      '"\ufffd,",\ufffd,',
    );
    const quotes = '"'.repeat(1024 * 1024);
    assert.equal(delimited([["a", quotes]]), `"${quotes}${quotes}",,`);
  });

  it("forms that cannot be are named", () => {
    const wrong: Partial<DelimitedForm>[] = [
      { columns: [] },
      { columns: ["a", ""] },
      { columns: ["a", "a"] },
      { separatorChar: "ab" },
      { quoteChar: "§" },
      { localTimeFieldName: "x" },
    ];
    for (const more of wrong) {
      assert.throws(() => delimited([["a", "1"]], more), { code: "FLUME_LOGHUB_SETTING" }, JSON.stringify(more));
    }
  });
});
