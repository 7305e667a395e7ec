import type { ConnectionOptions } from "node:tls";
import { unwatchAbort, watchAbort } from "../../engine/abort.js";
import type { Credentials, CredentialsProvider } from "./credentials.js";
import type { Endpoint } from "./endpoint.js";
import { HttpConnections, type HttpReply, NoReply } from "./http-call.js";
import { asksForOtherCredentials, LogHubError, type Operation, refusalOf } from "./loghub-error.js";
import { type PlainRequest, type Signing, signedHeaders, target } from "./signed-request.js";

export interface LogHubClientSettings {
  readonly endpoint: Endpoint;
  readonly signing: Signing;
  readonly credentials: CredentialsProvider;
  /** Milliseconds without a byte of a reply; a whole exchange may take four times as long. */
  readonly timeout: number;
  /** The most that a reply may hold, packed and unpacked, in bytes. */
  readonly mostReplyBytes: number;
  readonly tls?: ConnectionOptions | undefined;
  readonly userAgent: string;
  /** Told when the service's clock and ours are found to differ, by these milliseconds. */
  readonly onClockSet: (ahead: number) => void;
}

/**
 * Signs requests to one project, sends them and tells refusals apart. Corrects its clock by the service's once, and
 * fetches new credentials once, when a request is refused for one of these.
 */
export class LogHubClient {
  readonly #settings: LogHubClientSettings;
  readonly #http: HttpConnections;
  /** What the service's clock is ahead of ours, in milliseconds. */
  #ahead = 0;

  constructor(settings: LogHubClientSettings) {
    const { endpoint, timeout, mostReplyBytes, tls } = settings;
    this.#settings = settings;
    this.#http = new HttpConnections(endpoint, { timeout, mostBytes: mostReplyBytes }, tls);
  }

  /** Resolves with an answer of status 200; rejects with LogHubError, FLUME_LOGHUB_CREDENTIALS or the signal's reason. */
  async ask(operation: Operation, request: PlainRequest, signal: AbortSignal): Promise<HttpReply> {
    const { credentials: provider } = this.#settings;
    let credentials = await abortable(provider.current(), signal);
    let setClock = false;
    let renewed = false;
    for (;;) {
      const ahead = this.#ahead;
      const reply = await this.#send(operation, request, credentials, signal);
      if (reply.status === 200) return reply;
      const refusal = refusalOf(operation, reply.status, reply.body, header(reply, "x-log-requestid"));
      // Another request may have set it while this one was under way.
      if (refusal.code === "FLUME_LOGHUB_CLOCK" && !setClock && (this.#ahead !== ahead || this.#setClock(reply))) {
        setClock = true;
        continue;
      }
      if (!renewed && asksForOtherCredentials(refusal)) {
        renewed = true;
        const others = await abortable(provider.renewed(credentials), signal);
        if (isOther(others, credentials)) {
          credentials = others;
          continue;
        }
      }
      throw refusal;
    }
  }

  close(): void {
    this.#http.close();
  }

  async #send(
    operation: Operation,
    request: PlainRequest,
    credentials: Credentials,
    signal: AbortSignal,
  ): Promise<HttpReply> {
    const { endpoint, signing, userAgent } = this.#settings;
    const headers = signedHeaders(request, endpoint.host, signing, credentials, Date.now() + this.#ahead);
    headers["user-agent"] = userAgent;
    try {
      const question = { method: request.method, target: target(request), headers, body: request.body };
      return await this.#http.ask(question, signal);
    } catch (error) {
      if (!(error instanceof NoReply)) throw error;
      const reason = `${endpoint.host}: ${error.message}`;
      const outcome = operation.changes ? "unknown" : "none";
      // A reply that began and did not end is not what its head says.
      const code = error.began ? "FLUME_LOGHUB_REPLY_BROKEN" : "FLUME_LOGHUB_UNREACHABLE";
      throw new LogHubError(code, operation, { reason, outcome, cause: error });
    }
  }

  /** False when the reply does not tell the time, or tells what we believed already. */
  #setClock(reply: HttpReply): boolean {
    const time = Date.parse(header(reply, "date") ?? "");
    if (Number.isNaN(time)) return false;
    const ahead = time - Date.now();
    if (Math.abs(ahead - this.#ahead) < CLOCK_GRAIN) return false;
    this.#ahead = ahead;
    this.#settings.onClockSet(ahead);
    return true;
  }
}

function isOther(a: Credentials, b: Credentials): boolean {
  return (
    a.accessKeyId !== b.accessKeyId || a.accessKeySecret !== b.accessKeySecret || a.securityToken !== b.securityToken
  );
}

/** `Date` has whole seconds, and a reply takes its time, in milliseconds. */
const CLOCK_GRAIN = 60_000;

export function header({ headers }: HttpReply, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

/** Rejects with the signal's reason at once when it aborts; what is waited for goes on. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  let abort: (() => void) | undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(signal.reason as Error);
    watchAbort(signal, abort);
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (abort) unwatchAbort(signal, abort);
  }
}
