import { channelTests } from "./channel-tests.js";
import { nodeRedTests } from "./node-red-tests.js";
import { flumeTests } from "./flume-tests.js";
import { sinkTests } from "./sink-tests.js";
import { sourceTests } from "./source-tests.js";
import { useKafka } from "./support/suite-kafka.js";

/** One broker for all of them: its start is dear, and topics are cheap. */
describe("Kafka, one broker", function () {
  this.timeout(90_000);
  const suite = useKafka();
  describe("sink", () => sinkTests(suite));
  describe("source", () => sourceTests(suite));
  describe("channel", () => channelTests(suite));
  describe("beside a real Flume", () => flumeTests(suite));
  describe("in Node-RED", () => nodeRedTests(suite));
});
