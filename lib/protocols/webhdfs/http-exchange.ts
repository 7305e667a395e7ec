import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { ConnectionOptions } from "node:tls";

/** Of one answer; file contents are read in pieces below it. */
const LARGEST_REPLY = 64 * 1024 * 1024;

export interface Reply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Question {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: readonly Buffer[];
  /** Milliseconds for all of it. */
  readonly timeout: number;
}

/** There was no answer. */
export class NoReply extends Error {
  /** False when the request never left: it has certainly not been carried out. */
  readonly sent: boolean;
  readonly timedOut: boolean;

  constructor(reason: string, sent: boolean, timedOut: boolean, cause?: unknown) {
    super(reason, { cause });
    this.sent = sent;
    this.timedOut = timedOut;
  }
}

/**
 * HTTP with node:http, and not fetch: a data node sends an unsolicited `100 Continue` before its answer to CREATE and
 * APPEND (Hadoop's WebHdfsHandler.writeContinueHeader), which undici takes for a broken answer.
 */
export class HttpExchange {
  readonly #plain = new HttpAgent({ keepAlive: true, maxSockets: 64 });
  readonly #tls: HttpsAgent;

  constructor(tls: ConnectionOptions | undefined) {
    this.#tls = new HttpsAgent({ ...tls, minVersion: "TLSv1.2", keepAlive: true, maxSockets: 64 });
  }

  /** Rejects with NoReply. */
  async ask(question: Question): Promise<Reply> {
    try {
      return await this.#once(question);
    } catch (error) {
      // A kept connection that the server had closed meanwhile.
      if (error instanceof StaleConnection) return await this.#once(question);
      throw error;
    }
  }

  /** Ends kept connections, and those under way. */
  close(): void {
    this.#plain.destroy();
    this.#tls.destroy();
  }

  #once({ method, url, headers, body, timeout }: Question): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const length = body?.reduce((sum, chunk) => sum + chunk.length, 0);
      const secure = url.protocol === "https:";
      const options = {
        method,
        headers: { ...headers, ...(length === undefined ? {} : { "content-length": String(length) }) },
        agent: secure ? this.#tls : this.#plain,
      };
      const request: ClientRequest = secure ? httpsRequest(url, options) : httpRequest(url, options);
      let connected = false;
      const fail = (error: unknown, timedOut = false) => {
        clearTimeout(timer);
        const reason = error instanceof Error ? error.message || String(error) : String(error);
        const stale = request.reusedSocket && !timedOut && (body?.length ?? 0) === 0;
        reject(
          stale ? new StaleConnection(reason, true, false, error) : new NoReply(reason, connected, timedOut, error),
        );
      };
      const timer = setTimeout(() => {
        fail(new Error(`no answer within ${timeout} ms`), true);
        request.destroy();
      }, timeout);
      request.on("socket", (socket) => {
        if (!socket.connecting) connected = true;
        else socket.once(secure ? "secureConnect" : "connect", () => (connected = true));
      });
      request.on("error", fail);
      request.on("response", (response) => {
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > LARGEST_REPLY) {
            fail(new Error("the answer is too long"));
            request.destroy();
          } else chunks.push(chunk);
        });
        response.on("error", fail);
        response.on("end", () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks) });
        });
      });
      for (const chunk of body ?? []) request.write(chunk);
      request.end();
    });
  }
}

class StaleConnection extends NoReply {}
