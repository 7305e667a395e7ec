import assert from "node:assert/strict";
import { isHeadraceError } from "../../lib/engine/errors.js";
import { readConfig } from "../../lib/engine/properties.js";
import { kafkaConnection } from "../../lib/protocols/kafka/cluster-settings.js";
import { credentialsOfAddress } from "../../lib/protocols/loghub/credential-sources.js";
import { endpointOf } from "../../lib/protocols/loghub/endpoint.js";
import { webHdfsSettings } from "../../lib/protocols/webhdfs/webhdfs-settings.js";
import { serverAddress, sqliteFile } from "../../nodes/channels/database/driver-url.js";
import { component as kafkaCluster } from "../../nodes/config/kafka-cluster/component.js";

const shared = (config: Readonly<Record<string, unknown>>) => ({ id: "c", name: "c", config, shared: {} });

const brokers = (text: string) => {
  const [problem] = readConfig(kafkaCluster.properties, { brokers: text }).problems;
  if (problem) throw problem;
};
const nameNodes = (urls: string) =>
  webHdfsSettings(shared({ urls, authentication: "simple" }), { proxyUser: "", timeout: 1 });
const token = async (tokenUrl: string) => {
  const { sasl } = kafkaConnection(
    shared({ brokers: "a:1", clientId: "", mechanism: "OAUTHBEARER", token: "", tokenUrl }),
  );
  if (sasl?.mechanism === "oauthbearer") await sasl.token();
};

describe("an address that cannot be", () => {
  for (const [what, read, address, shown] of [
    ["of Kafka", brokers, "a:1,SASL_SSL://me:won/d@er@b:9092", "SASL_SSL://…@b:9092"],
    ["of Kafka, without a scheme", brokers, "me:won/d@er@b:9092", "…@b:9092"],
    ["of HDFS", nameNodes, "http://me:wonder@b:9870", "http://…@b:9870"],
    ["of HDFS, with a token", nameNodes, "http://b:9870/?delegation=wonder", "http://b:9870/?delegation=…"],
    ["of Log Service", (text: string) => endpointOf(text, "p"), "https://me:wonder@b", "https://…@b"],
    ["of PostgreSQL", serverAddress, "jdbc:postgresql://me:wonder@b/d", "jdbc:postgresql://…@b/d"],
    ["of PostgreSQL, and no URL", serverAddress, "jdbc:postgresql://me:wonder@[b/d", "jdbc:postgresql://…@[b/d"],
    [
      "of PostgreSQL, with a property too many",
      serverAddress,
      "postgresql://b/d?gssEncMode=x&password=wonder",
      "postgresql://b/d?gssEncMode=x&password=…",
    ],
    ["for SQLite", (text: string) => sqliteFile(text, ""), "postgresql://me:wonder@b/d", "postgresql://…@b/d"],
    ["of a server of tokens", token, "http://me:wonder@127.0.0.1:1/", "http://…@127.0.0.1:1/"],
    [
      "of a server of credentials",
      (text: string) => credentialsOfAddress(text)(),
      "http://me:wonder@b/",
      "http://…@b/",
    ],
  ] as const) {
    it(`${what} is quoted without user, password and token`, async () => {
      await assert.rejects(
        async () => read(address),
        (error) => {
          assert.ok(isHeadraceError(error), String(error));
          assert.doesNotMatch(error.message + error.next, /me:|won|der/);
          assert.ok(error.message.includes(shown), error.message);
          return true;
        },
      );
    });
  }
});
