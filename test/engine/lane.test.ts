import { strict as assert } from "node:assert";
import { NEVER } from "../../lib/engine/delivery.js";
import { DeliveryError } from "../../lib/engine/errors.js";
import { DeliveryLane } from "../../lib/engine/lane.js";
import { textBatch } from "../support/event-batches.js";
import { Gate } from "../support/gate.js";
import { TestInlet } from "../support/inlets.js";

const failed = () => new DeliveryError("FLUME_WRITE_FAILED");
const stopped = { code: "FLUME_LANE_STOPPED", outcome: "none", retry: "later" };
const soon = () => new Promise(setImmediate);

function laneTo(inlet: TestInlet) {
  const lane = new DeliveryLane((batch, signal) => inlet.prepare(batch, signal));
  return { lane, deliver: (text: string, signal = NEVER) => lane.deliver(textBatch(text), signal) };
}

/** Settles it, so that it may be looked at later. */
const outcome = (delivery: Promise<void>) =>
  delivery.then(
    () => "accepted",
    (error: DeliveryError) => error.code,
  );

describe("lane", () => {
  it("admits in call order, one after the other, and commits side by side", async () => {
    const inlet = new TestInlet();
    const [room, end] = [new Gate(), new Gate()];
    inlet.prepareGate = room.opened;
    inlet.commitGate = end.opened;
    const { deliver } = laneTo(inlet);
    const deliveries = ["1", "2", "3"].map((text) => deliver(text));
    await soon();
    assert.equal(inlet.prepares, 1);
    room.open();
    await soon();
    assert.equal(inlet.mostCommitting, 3);
    end.open();
    await Promise.all(deliveries);
    assert.deepEqual(inlet.bodies, ["1", "2", "3"]);
  });

  it("stops behind one that is refused room", async () => {
    const inlet = new TestInlet();
    inlet.prepareFailures.push(undefined, failed());
    const { deliver } = laneTo(inlet);
    const outcomes = await Promise.all(["1", "2", "3", "4"].map((text) => outcome(deliver(text))));
    assert.deepEqual(outcomes, ["accepted", "FLUME_WRITE_FAILED", "FLUME_LANE_STOPPED", "FLUME_LANE_STOPPED"]);
    assert.deepEqual([inlet.bodies, inlet.prepares, inlet.open], [["1"], 2, 0]);
  });

  it("stops behind one whose commit fails, but those already admitted end as they end", async () => {
    const inlet = new TestInlet();
    const end = new Gate();
    inlet.commitGate = end.opened;
    inlet.commitFailures.push(failed());
    const { deliver } = laneTo(inlet);
    const admitted = [outcome(deliver("1")), outcome(deliver("2"))];
    await soon();
    inlet.prepareGate = new Gate().opened;
    const room = new Gate();
    inlet.prepareGate = room.opened;
    const behind = [outcome(deliver("3")), outcome(deliver("4"))];
    await soon();
    end.open();
    assert.deepEqual(await Promise.all(admitted), ["FLUME_WRITE_FAILED", "accepted"]);
    room.open();
    assert.deepEqual(await Promise.all(behind), ["FLUME_LANE_STOPPED", "FLUME_LANE_STOPPED"]);
    assert.deepEqual([inlet.bodies, inlet.open], [["2"], 0]);
  });

  it("stays stopped until it is reset, and then admits anew", async () => {
    const inlet = new TestInlet();
    inlet.prepareFailures.push(failed());
    const { lane, deliver } = laneTo(inlet);
    await assert.rejects(deliver("1"), failed());
    await assert.rejects(deliver("2"), stopped);
    await soon();
    await assert.rejects(deliver("2"), stopped);
    lane.reset();
    await Promise.all([deliver("1"), deliver("2")]);
    assert.deepEqual(inlet.bodies, ["1", "2"]);
  });

  it("a delivery from before a reset neither gets in after it nor stops the lane again", async () => {
    const inlet = new TestInlet();
    const [room, end] = [new Gate(), new Gate()];
    inlet.commitGate = end.opened;
    inlet.commitFailures.push(failed());
    const { lane, deliver } = laneTo(inlet);
    const old = outcome(deliver("old"));
    await soon();
    inlet.prepareGate = room.opened;
    const waiting = outcome(deliver("old, waiting"));
    const behind = outcome(deliver("old, behind"));
    await soon();
    lane.reset();
    inlet.prepareGate = undefined;
    const fresh = outcome(deliver("new"));
    room.open();
    end.open();
    assert.deepEqual(await Promise.all([old, waiting, behind, fresh]), [
      "FLUME_WRITE_FAILED",
      "FLUME_LANE_STOPPED",
      "FLUME_LANE_STOPPED",
      "accepted",
    ]);
    await deliver("next");
    assert.deepEqual([inlet.bodies, inlet.open], [["new", "next"], 0]);
  });

  it("withdraws one that waits for room by its signal, and those behind it with it", async () => {
    const inlet = new TestInlet();
    inlet.prepareGate = new Gate().opened;
    const { deliver } = laneTo(inlet);
    const stop = new AbortController();
    const waiting = outcome(deliver("1", stop.signal));
    const behind = outcome(deliver("2"));
    await soon();
    stop.abort();
    assert.deepEqual(await Promise.all([waiting, behind]), ["FLUME_DELIVERY_ABORTED", "FLUME_LANE_STOPPED"]);
  });
});
