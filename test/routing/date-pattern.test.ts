import assert from "node:assert/strict";
import fc from "fast-check";
import { datePattern } from "../../lib/formats/date-pattern.js";

describe("date pattern", () => {
  const local = (...parts: [number, number, number, number?, number?, number?, number?]) => {
    const [year, month, day, ...rest] = parts;
    return new Date(year, month - 1, day, ...rest).getTime();
  };
  const cases: [pattern: string, text: string, time: number][] = [
    ["yyyy-MM-dd HH:mm:ss", "2012-10-17 14:34:44", local(2012, 10, 17, 14, 34, 44)],
    ["yyyyMMddHHmmssSSS", "20121017143444338", local(2012, 10, 17, 14, 34, 44, 338)],
    ["d/M/yyyy", "1/2/2020", local(2020, 2, 1)],
    ["dd/MMM/yyyy:HH:mm:ss Z", "10/Oct/2000:13:55:36 -0700", Date.UTC(2000, 9, 10, 20, 55, 36)],
    ["yyyy-MM-dd'T'HH:mm:ssZ", "2020-02-29T00:00:00+05:30", Date.UTC(2020, 1, 28, 18, 30)],
    ["yyyy-MM-dd'T'HH:mm:ssZ", "2020-02-29T00:00:00Z", Date.UTC(2020, 1, 29)],
    ["EEE, d MMMM yyyy h:mm a", "Tue, 3 march 2020 12:05 PM", local(2020, 3, 3, 12, 5)],
    ["h:mm a", "12:05 AM", local(1970, 1, 1, 0, 5)],
    ["K:mm a", "0:05 pm", local(1970, 1, 1, 12, 5)],
    ["kk:mm", "24:05", local(1970, 1, 1, 0, 5)],
    ["MMM d HH:mm:ss", "Feb 29 01:02:03", local(2000, 2, 29, 1, 2, 3)],
    ["yy-MM-dd", "21-01-02", local(2021, 1, 2)],
    ["ss.S", "07.5", local(1970, 1, 1, 0, 0, 7, 500)],
    ["yyyy 'o''clock'", "2020 o'clock", local(2020, 1, 1)],
  ];
  for (const [pattern, text, time] of cases) {
    it(`${pattern} reads ${text}`, () => assert.equal(datePattern(pattern)(text), time));
  }

  it("takes nothing that does not fit as a whole", () => {
    for (const text of ["2012-02-30", "2012-13-01", "2012-1-", "2012-01-01 ", "x2012-01-01", "", "2012-00-10"]) {
      assert.throws(() => datePattern("yyyy-MM-dd")(text), /is not a time of the form/, text);
    }
  });

  it("reads back every time", () => {
    const parse = datePattern("yyyy-MM-dd HH:mm:ss.SSSZ");
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date("9999-12-31"), noInvalidDate: true }), (date) => {
        assert.equal(parse(date.toISOString().replace("T", " ")), date.getTime());
      }),
    );
  });
});
