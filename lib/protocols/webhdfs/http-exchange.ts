import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { ConnectionOptions } from "node:tls";
import type { Content } from "../../engine/content.js";

/** Of one answer; file contents are read in pieces below it. */
const LARGEST_REPLY = 64 * 1024 * 1024;

export interface Reply {
  readonly status: number;
  /** The words behind the status: Hadoop's filters say there what is wrong. */
  readonly statusText: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: Buffer;
}

export interface Question {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Content;
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
  #closed = false;

  constructor(tls: ConnectionOptions | undefined) {
    this.#tls = new HttpsAgent({ ...tls, minVersion: "TLSv1.2", keepAlive: true, maxSockets: 64 });
  }

  /** Rejects with NoReply. */
  async ask(question: Question): Promise<Reply> {
    if (this.#closed) throw new NoReply("nothing is asked any more", false, false);
    try {
      return await this.#once(question);
    } catch (error) {
      // A kept connection that the server had closed meanwhile.
      if (error instanceof StaleConnection && !this.#closed) return await this.#once(question);
      throw error;
    }
  }

  /** Ends kept connections, and those under way. Nothing is asked after it. */
  close(): void {
    this.#closed = true;
    this.#plain.destroy();
    this.#tls.destroy();
  }

  #once({ method, url, headers, body, timeout }: Question): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === "https:";
      const options = {
        method,
        headers: { ...headers, ...(body ? { "content-length": String(body.length) } : {}) },
        agent: secure ? this.#tls : this.#plain,
      };
      const request: ClientRequest = secure ? httpsRequest(url, options) : httpRequest(url, options);
      const upload = body ? new Upload(request) : undefined;
      let connected = false;
      const fail = (error: unknown, timedOut = false) => {
        clearTimeout(timer);
        upload?.abandon();
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
          const { statusCode = 0, statusMessage = "", headers: told } = response;
          // A refusal may come before all was sent: the rest is not wanted.
          if (statusCode >= 300 && upload?.abandon()) request.destroy();
          resolve({ status: statusCode, statusText: statusMessage, headers: told, body: Buffer.concat(chunks) });
        });
      });
      if (!body || !upload) request.end();
      else {
        body
          .sendTo((piece) => upload.write(piece))
          .then(
            () => request.end(),
            (error: unknown) => {
              // Abandoned: it has been said already why.
              if (!(error instanceof Abandoned))
                request.destroy(error instanceof Error ? error : new Error(String(error)));
            },
          );
      }
    });
  }
}

/** The body of a request, piece by piece as the connection takes it. */
class Upload {
  readonly #request: ClientRequest;
  readonly #waiting = new Set<(reason: Abandoned) => void>();
  #abandoned = false;

  constructor(request: ClientRequest) {
    this.#request = request;
  }

  /** Resolves when the system has the piece. */
  write(piece: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#abandoned) {
        reject(new Abandoned());
        return;
      }
      this.#waiting.add(reject);
      this.#request.write(piece, (error) => {
        this.#waiting.delete(reject);
        // What went wrong is told by the request itself.
        if (error) reject(new Abandoned());
        else resolve();
      });
    });
  }

  /** No more is wanted. A request that has ended calls back for none of what it had not sent. @returns whether there was more */
  abandon(): boolean {
    this.#abandoned = true;
    for (const reject of this.#waiting) reject(new Abandoned());
    return !this.#request.writableEnded;
  }
}

class Abandoned extends Error {}

class StaleConnection extends NoReply {}
