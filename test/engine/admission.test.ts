import { strict as assert } from "node:assert";
import { Admission, ByteBudget } from "../../lib/engine/admission.js";
import { NEVER } from "../../lib/engine/delivery.js";
import { DeliveryError } from "../../lib/engine/errors.js";
import { staysPending } from "../support/pending.js";

function room(events: number, more: { bytes?: number; keepAlive?: number; shared?: ByteBudget; most?: number } = {}) {
  const { bytes = Number.POSITIVE_INFINITY, keepAlive = 3600, most = events } = more;
  return { capacity: { events, bytes }, transaction: most, keepAlive };
}

function admission(...given: Parameters<typeof room>) {
  const made = new Admission({ ...room(...given), shared: given[1]?.shared });
  const request = async (events: number, bytes = 0, signal = NEVER) => {
    await made.request(events, bytes, signal, () => undefined);
  };
  return { admission: made, request };
}

describe("admission", () => {
  it("calls back at the very moment of admission, so that places are given in order", async () => {
    const { admission: door } = admission(1);
    const order: string[] = [];
    await door.request(1, 0, NEVER, () => order.push("first"));
    const second = door.request(1, 0, NEVER, () => order.push("second"));
    const third = door.request(1, 0, NEVER, () => order.push("third"));
    door.release(1, 0);
    assert.deepEqual(order, ["first", "second"]);
    await second;
    door.release(1, 0);
    await third;
    assert.deepEqual(order, ["first", "second", "third"]);
  });

  it("lets those who wait in when it grows", async () => {
    const { admission: door, request } = admission(1);
    await request(1);
    const waiting = request(1);
    assert.ok(await staysPending(waiting, 5));
    door.resize(room(2));
    await waiting;
    assert.equal(door.events, 2);
  });

  it("takes nobody in who came before it shrank until there is room again", async () => {
    const { admission: door, request } = admission(4);
    await request(4);
    door.resize(room(2));
    const waiting = request(1);
    door.release(2, 0);
    assert.ok(await staysPending(waiting, 5));
    door.release(1, 0);
    await waiting;
    assert.equal(door.events, 2);
  });

  it("refuses those who wait and can never fit once it has shrunk, instead of keeping all others waiting", async () => {
    const { admission: door, request } = admission(4, { bytes: 100 });
    await request(3);
    const tooMany = assert.rejects(request(3), { code: "FLUME_BATCH_TOO_LARGE", retry: "never" });
    const tooHeavy = assert.rejects(request(2, 60), { code: "FLUME_BATCH_TOO_LARGE" });
    const fits = request(2, 50);
    door.resize(room(2, { bytes: 50 }));
    await Promise.all([tooMany, tooHeavy]);
    door.release(3, 0);
    await fits;
    assert.deepEqual([door.events, door.bytes, door.waiting], [2, 50, 0]);
  });

  it("a new keep-alive counts from the deploy on", async () => {
    const { admission: door, request } = admission(1, { keepAlive: 3600 });
    await request(1);
    door.resize(room(1, { keepAlive: 0 }));
    await assert.rejects(request(1), { code: "FLUME_CHANNEL_FULL" });
  });

  it("refuses all who wait or come while it is closed, and has kept its reservations when it opens", async () => {
    const { admission: door, request } = admission(1);
    await request(1);
    const waiting = assert.rejects(request(1), { code: "FLUME_STOPPED" });
    door.close(new DeliveryError("FLUME_STOPPED"));
    await waiting;
    await assert.rejects(request(1), { code: "FLUME_STOPPED" });
    door.open();
    const again = request(1);
    assert.ok(await staysPending(again, 5));
    door.release(1, 0);
    await again;
  });

  it("one who gives up lets in who comes behind, in the order of their calls", async () => {
    const { admission: door, request } = admission(4);
    await request(3);
    const stop = new AbortController();
    const large = assert.rejects(request(2, 0, stop.signal));
    const small = request(1);
    const next = request(1);
    stop.abort();
    await large;
    await small;
    assert.ok(await staysPending(next, 5));
    door.release(1, 0);
    await next;
  });

  it("two who wait with one signal: the second, let in by the end of the first, ends nobody else's wait", async () => {
    const { admission: door, request } = admission(4);
    await request(3);
    const stop = new AbortController();
    const large = assert.rejects(request(2, 0, stop.signal), { code: "FLUME_DELIVERY_ABORTED" });
    const small = request(1, 0, stop.signal);
    const other = request(1);
    stop.abort();
    await Promise.all([large, small]);
    assert.deepEqual([door.events, door.waiting], [4, 1]);
    door.release(1, 0);
    await other;
  });

  describe("with a budget of bytes that several share", () => {
    it("waits while the others hold it, and goes on as soon as they let go", async () => {
      const shared = new ByteBudget(100);
      const [one, other] = [admission(10, { shared }), admission(10, { shared })];
      await one.request(1, 80);
      const waiting = other.request(1, 30);
      assert.ok(await staysPending(waiting, 5));
      one.admission.release(1, 80);
      await waiting;
      assert.equal(shared.used, 30);
      other.admission.release(1, 30);
      assert.equal(shared.used, 0);
    });

    it("is full of bytes when its keep-alive is over", async () => {
      const shared = new ByteBudget(100);
      const [one, other] = [admission(10, { shared }), admission(10, { shared, keepAlive: 0 })];
      await one.request(1, 80);
      await assert.rejects(other.request(1, 30), { code: "FLUME_CHANNEL_BYTES_FULL" });
    });
  });
});
