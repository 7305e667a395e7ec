import type { Bench } from "./bench";
import { nodeRedFlows } from "./flows";
import { runRounds } from "./measure/rounds";
import { flumeNetcat, ourNetcat } from "./netcat";
import { comparison, named, OURS, rateBar } from "./report/comparison";
import { nodeRedPipeline } from "./sides/node-red";
import { measureWindow, stressProperties } from "./stress";

const FOUR_HEADERS = [
  { type: "timestamp" },
  { type: "host" },
  { type: "static", key: "datacenter", value: "here" },
  { type: "uuid" },
];

/** An access-log line cut to what people extract from one: address, method, path, status. */
const LOG_LINE = '192.168.100.23 - - [21/Nov/2026:10:15:32 +0000] "GET /images/logo.png HTTP/1.1" 200 5120 ';
const LOG_PATTERN = '^(\\S+) \\S+ \\S+ \\[[^\\]]+\\] "(\\S+) (\\S+)[^"]*" (\\d{3})';
const LOG_FIELDS = ["address", "method", "path", "status"];

const EXTRACTED_LINES = 5_000_000;

const EXTRACTOR = [{ type: "regex_extractor", regex: LOG_PATTERN, serializers: LOG_FIELDS.join(", ") }];

const FLUME_EXTRACTOR = {
  interceptors: "i",
  "interceptors.i.type": "regex_extractor",
  "interceptors.i.regex": LOG_PATTERN,
  "interceptors.i.serializers": LOG_FIELDS.join(" "),
  ...Object.fromEntries(LOG_FIELDS.map((name) => [`interceptors.i.serializers.${name}.name`, name])),
};

export const interceptors: Bench = {
  about: "four header interceptors behind a stress source; the regex extractor behind netcat",
  async run(options) {
    const headers = await runRounds(
      [
        {
          name: OURS,
          run: async () => {
            const flows = nodeRedFlows({
              source: "stress",
              sourceProperties: stressProperties(100),
              interceptors: FOUR_HEADERS,
            });
            return await measureWindow(await nodeRedPipeline(flows, options), options);
          },
        },
      ],
      options,
    );
    const lines = Math.round(EXTRACTED_LINES * options.scale);
    const extractor = await runRounds(
      [
        ourNetcat(options, lines, { interceptors: EXTRACTOR, prefix: LOG_LINE }),
        ...(options.flume ? [flumeNetcat(lines, { interceptors: FLUME_EXTRACTOR, prefix: LOG_LINE })] : []),
      ],
      options,
    );
    return {
      tables: [
        comparison("stress, 100-byte bodies → timestamp, host, static, uuid → memory → null", headers),
        comparison("netcat, 100-byte log lines → regex extractor (4 fields) → memory → null", extractor),
      ],
      bars: [
        rateBar("four header interceptors", named(headers, OURS), 1_500_000),
        rateBar("regex extractor", named(extractor, OURS), 1_000_000),
      ],
    };
  },
};
