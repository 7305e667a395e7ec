import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import type { ConnectionOptions } from "node:tls";
import { unwatchAbort, watchAbort } from "../../engine/abort.js";
import type { Endpoint } from "./endpoint.js";

export interface HttpQuestion {
  readonly method: string;
  /** Path and query, encoded. */
  readonly target: string;
  /** Host and content-length included. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

export interface HttpReply {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

/** There was no whole reply. */
export class NoReply extends Error {
  /** False: not even its head. */
  readonly began: boolean;

  constructor(reason: string, began: boolean, cause?: unknown) {
    super(reason, { cause });
    this.began = began;
  }
}

/** A kept connection that the server had closed meanwhile. */
class StaleConnection extends NoReply {}

export interface HttpLimits {
  /** Milliseconds without a byte; all of an exchange may take four times as long. */
  readonly timeout: number;
  /** Of a reply's body. */
  readonly mostBytes: number;
}

const WHOLE = 4;

/**
 * One server, with kept connections. node:http, because the header Host must be another than the address for endpoints
 * that are IP addresses, which `fetch` does not allow.
 */
export class HttpConnections {
  readonly #endpoint: Endpoint;
  readonly #limits: HttpLimits;
  readonly #agent: HttpAgent;
  readonly #tls: ConnectionOptions;
  #closed = false;

  constructor(endpoint: Endpoint, limits: HttpLimits, tls: ConnectionOptions = {}) {
    this.#endpoint = endpoint;
    this.#limits = limits;
    this.#tls = tls;
    // Pulls of many shards must not make a heartbeat wait: who calls bounds how many there are.
    const options = { keepAlive: true, keepAliveMsecs: 10_000, maxFreeSockets: 64 };
    this.#agent = endpoint.secure ? new HttpsAgent(options) : new HttpAgent(options);
  }

  /** Rejects with NoReply, or with the signal's reason. */
  async ask(question: HttpQuestion, signal: AbortSignal): Promise<HttpReply> {
    if (this.#closed) throw new NoReply("nothing is asked any more", false);
    try {
      return await this.#once(question, signal);
    } catch (error) {
      if (error instanceof StaleConnection && !this.#closed) return await this.#once(question, signal);
      throw error;
    }
  }

  /** Ends kept connections, and those under way. Nothing is asked after it. */
  close(): void {
    this.#closed = true;
    this.#agent.destroy();
  }

  #request({ method, target, headers }: HttpQuestion): ClientRequest {
    const { secure, hostname, port } = this.#endpoint;
    const options = { method, path: target, headers, hostname, port, agent: this.#agent };
    if (!secure) return httpRequest(options);
    // By default it would be taken from the header Host, which has the project before an IP address.
    const servername = isIP(hostname) === 0 ? hostname : "";
    return httpsRequest({ minVersion: "TLSv1.2", ...this.#tls, ...options, servername });
  }

  #once(question: HttpQuestion, signal: AbortSignal): Promise<HttpReply> {
    return new Promise((resolve, reject) => {
      if (signal.aborted) {
        reject(reasonOfAbort(signal));
        return;
      }
      const { timeout, mostBytes } = this.#limits;
      const request = this.#request(question);
      let began = false;
      const end = () => {
        clearTimeout(idle);
        clearTimeout(whole);
        unwatchAbort(signal, abort);
      };
      const fail = (reason: string, cause?: unknown) => {
        end();
        reject(new NoReply(reason, began, cause));
        request.destroy();
      };
      const abort = () => {
        end();
        reject(reasonOfAbort(signal));
        request.destroy();
      };
      const idle = setTimeout(() => fail(`nothing came for ${timeout} ms`), timeout);
      const whole = setTimeout(() => fail(`no end within ${timeout * WHOLE} ms`), timeout * WHOLE);
      watchAbort(signal, abort);
      request.on("error", (error) => {
        end();
        const reason = error.message || error.name;
        const stale = request.reusedSocket && !began && (error as NodeJS.ErrnoException).code === "ECONNRESET";
        reject(stale ? new StaleConnection(reason, false, error) : new NoReply(reason, began, error));
      });
      request.on("response", (response) => {
        began = true;
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          idle.refresh();
          size += chunk.length;
          if (size > mostBytes) fail(`the reply is longer than ${mostBytes} bytes`);
          else chunks.push(chunk);
        });
        response.on("error", (error) => fail(`the connection broke within the reply: ${error.message}`, error));
        response.on("end", () => {
          end();
          const [only] = chunks;
          const body = chunks.length === 1 && only ? only : Buffer.concat(chunks, size);
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
        });
      });
      request.end(question.body.length > 0 ? question.body : undefined);
    });
  }
}

function reasonOfAbort(signal: AbortSignal): Error {
  const { reason } = signal as { reason: unknown };
  return reason instanceof Error ? reason : new Error(String(reason));
}
