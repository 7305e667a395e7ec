import { strict as assert } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import { ActiveMq, activeMqUnavailable } from "../counterparts/activemq/broker";
import { eventually } from "../support/eventually.js";
import { tab } from "../support/flow-nodes.js";
import type { FlowNode } from "../support/node-red.js";
import { skip } from "../support/skip.js";
import { javascript } from "./support/core-nodes.js";
import { core, Oracle, oracleChannel, oracleSink } from "./support/oracle.js";

const BATCHES = 10;
const SIZE = 3;
const EVENTS = BATCHES * SIZE;

for (const version of ["5", "4.1"] as const) {
  describe(`Tracked paths to a real MQTT broker, Node-RED ${version}`, function () {
    this.timeout(180_000);
    let broker: ActiveMq;
    let oracle: Oracle;

    before(async function () {
      this.timeout(300_000);
      const reason = await activeMqUnavailable();
      if (reason) skip(this, reason);
      broker = await ActiveMq.start();
      oracle = await Oracle.start({ version, flows: [tab()], settings: { mqttReconnectTime: 300 } });
    });
    after(async function () {
      this.timeout(60_000);
      await oracle?.stop();
      await broker?.remove();
    });

    /** Channel → MQTT out → the broker → MQTT in → sink `far`. */
    const flow = (id: string, qos: string, settings: Record<string, unknown> = {}): FlowNode[] => [
      tab(),
      {
        id: "broker",
        type: "mqtt-broker",
        name: "",
        broker: "127.0.0.1",
        port: String(broker.mqttPort),
        clientid: "",
        autoConnect: true,
        usetls: false,
        protocolVersion: "4",
        keepalive: "60",
        cleansession: true,
      },
      oracleChannel(id, ["n"], settings),
      core("mqtt out", "n", [], { topic: `events/${id}`, qos, retain: "false", broker: "broker" }),
      core("mqtt in", "in", [["f"]], {
        topic: `events/${id}`,
        qos: "1",
        datatype: "utf8",
        broker: "broker",
        inputs: 0,
      }),
      javascript("return { payload: msg.payload };", [["far"]], "f"),
      oracleSink("far"),
    ];

    async function deploy(id: string, qos: string, settings: Record<string, unknown> = {}): Promise<void> {
      const from = oracle.nodeRed.logs.length;
      await oracle.nodeRed.deploy(flow(id, qos, settings));
      await oracle.forget();
      // A status may be that of the deploy before. What is published without a connection is lost (10-mqtt.js).
      await oracle.nodeRed.waitForLog(/Connected to broker/, { from, within: 30_000 });
      await oracle.nodeRed.comms.waitForStatus("in", ({ fill }) => fill === "green");
    }

    const arrived = async (): Promise<number> => Object.keys((await oracle.report()).written).length;
    const committed = async (id: string): Promise<number> =>
      new Set((await oracle.report()).channels[id]?.committed).size;

    for (const qos of ["0", "1", "2"]) {
      it(`quality of service ${qos}: all arrive`, async () => {
        await deploy(`q${qos}`, qos);
        await oracle.shows(`q${qos}`, / tracked$/);
        await oracle.feed(`q${qos}`, { batches: BATCHES, size: SIZE, drops: true });
        await oracle.settled(`q${qos}`, BATCHES, 60_000);
        await eventually(async () => (await arrived()) === EVENTS, { within: 60_000 });
        await oracle.idle();
      });
    }

    for (const qos of ["1", "2"]) {
      it(`quality of service ${qos}: nothing is committed while the broker does not answer`, async () => {
        await deploy(`f${qos}`, qos);
        await broker.freeze();
        try {
          await oracle.feed(`f${qos}`, { batches: BATCHES, size: SIZE, drops: true });
          await sleep(1500);
          assert.equal(await committed(`f${qos}`), 0);
        } finally {
          broker.thaw();
        }
        await oracle.settled(`f${qos}`, BATCHES, 60_000);
        await eventually(async () => (await arrived()) === EVENTS, { within: 60_000 });
        await oracle.idle();
      });
    }

    it("without a broker the time limit gives the events again, until it is back", async () => {
      await deploy("gone", "1", { settleWithin: 1 });
      await broker.kill();
      await oracle.nodeRed.comms.waitForStatus("n", ({ fill }) => fill !== "green");
      const from = oracle.nodeRed.logs.length;
      await oracle.feed("gone", { batches: BATCHES, size: SIZE, drops: true });
      await oracle.nodeRed.waitForLog(/did not arrive within 1 s.*mqtt out/, { from });
      assert.equal(await committed("gone"), 0);
      await broker.start();
      await oracle.settled("gone", BATCHES, 60_000);
      await eventually(async () => (await arrived()) === EVENTS, { within: 60_000 });
      await oracle.idle();
    });
  });
}
