import type { KafkaJsBroker } from "./library.js";
import { WireWriter } from "./wire-writer.js";

/**
 * Sends a request whose body is in several buffers, as they are: the library would copy them three times, and a
 * request of records is up to some megabytes. Kafka protocol guide, "Request Header v1".
 * @returns the answer behind its header; undefined when none is expected
 */
export async function sendWhole(
  broker: KafkaJsBroker,
  api: { key: number; version: number; name: string },
  body: readonly Buffer[],
  expectResponse: boolean,
): Promise<Buffer | undefined> {
  const connection = await broker.connectionPool.getConnection();
  if (!connection.isAuthenticated()) await connection.authenticate();
  const correlationId = connection.nextCorrelationId();
  const header = new WireWriter()
    .int16(api.key)
    .int16(api.version)
    .int32(correlationId)
    .text(connection.clientId).bytes;
  const size = new WireWriter(4).int32(body.reduce((sum, { length }) => sum + length, header.length)).bytes;
  const { payload } = await new Promise<{ payload: Buffer | null }>((resolve, reject) => {
    connection.requestQueue.push({
      entry: { apiKey: api.key, apiVersion: api.version, apiName: api.name, correlationId, resolve, reject },
      expectResponse,
      requestTimeout: null,
      sendRequest() {
        const { socket } = connection;
        // One write to the system for all of them.
        socket.cork();
        for (const piece of [size, header, ...body]) socket.write(piece);
        socket.uncork();
      },
    });
  });
  return payload ?? undefined;
}
