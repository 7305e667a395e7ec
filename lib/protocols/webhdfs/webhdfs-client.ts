import type { Content } from "../../engine/content.js";
import { isHeadraceError, reasonOf } from "../../engine/errors.js";
import { asksForAnother, HdfsError, isHdfsError, isTaken, refusal, remoteExceptionOf } from "./hdfs-error.js";
import { urlPath } from "./hdfs-path.js";
import { parsedUrl } from "./parsed-url.js";
import { HttpExchange, NoReply, type Question, type Reply } from "./http-exchange.js";
import { KerberosLogin } from "./kerberos-login.js";
import type { WebHdfsSettings } from "./webhdfs-settings.js";

/** Of GETFILESTATUS and LISTSTATUS: https://hadoop.apache.org/docs/stable/hadoop-project-dist/hadoop-hdfs/WebHDFS.html */
export interface FileStatus {
  readonly pathSuffix: string;
  readonly type: "FILE" | "DIRECTORY" | "SYMLINK";
  /** Bytes. Of a file that is being written: those of its finished blocks. */
  readonly length: number;
  readonly modificationTime: number;
}

/** Data nodes to try for one write, when the ones that the name node picks do not answer. */
const MOST_DATA_NODES = 3;

type Method = Question["method"];
type Query = Readonly<Record<string, string | number | boolean>>;

/**
 * WebHDFS and HttpFS. Each operation is one promise that rejects with HdfsError; its `outcome` is "none" when HDFS is
 * as it was before, and "unknown" when the operation may have been carried out. Bytes are durable once `create` or
 * `append` resolve, and not before: a data node answers when it has closed the file.
 */
export class WebHdfsClient {
  readonly #settings: WebHdfsSettings;
  readonly #http: HttpExchange;
  readonly #kerberos: KerberosLogin | undefined;
  /** Of a successful Kerberos login, by origin: it saves one for each request. */
  readonly #cookies = new Map<string, string>();
  /** The name node that answered last. */
  #active = 0;

  constructor(settings: WebHdfsSettings, kerberos?: KerberosLogin) {
    const { login, tls } = settings;
    this.#settings = settings;
    this.#http = new HttpExchange(tls);
    this.#kerberos = login.kind === "kerberos" ? (kerberos ?? new KerberosLogin(login)) : undefined;
  }

  /**
   * Makes a file with these bytes, and its folders. Rejects with the exception FileAlreadyExistsException unless `overwrite`.
   * `again`: an earlier try has met FLUME_HDFS_STANDBY, and may have made the file, empty.
   */
  async create(
    path: string,
    body: Content,
    { overwrite, again = false }: { readonly overwrite: boolean; readonly again?: boolean },
  ): Promise<void> {
    await this.#upload("CREATE", "PUT", path, { overwrite, createparent: true }, body, 201, again);
  }

  /** Not idempotent: after an unknown outcome, look at the length before trying again. */
  async append(path: string, body: Content): Promise<void> {
    await this.#upload("APPEND", "POST", path, {}, body, 200);
  }

  /** False when there is nothing at `from`, or something at `to`. */
  rename(from: string, to: string): Promise<boolean> {
    return this.#boolean("RENAME", "PUT", from, { destination: to });
  }

  /** False when there was nothing. */
  remove(path: string): Promise<boolean> {
    return this.#boolean("DELETE", "DELETE", path, { recursive: false });
  }

  makeDirectories(path: string): Promise<boolean> {
    return this.#boolean("MKDIRS", "PUT", path, {});
  }

  /** False: it has begun, and the file cannot be written until its last block has been recovered. */
  truncate(path: string, length: number): Promise<boolean> {
    return this.#boolean("TRUNCATE", "POST", path, { newlength: length });
  }

  /** Undefined when there is nothing at the path. */
  async status(path: string): Promise<FileStatus | undefined> {
    try {
      const reply = await this.#nameNode("GETFILESTATUS", "GET", path, {});
      return jsonOf<{ FileStatus: FileStatus }>(reply, "GETFILESTATUS", path).FileStatus;
    } catch (error) {
      if (isHdfsError(error) && error.exception === "FileNotFoundException") return undefined;
      throw error;
    }
  }

  async list(path: string): Promise<readonly FileStatus[]> {
    const reply = await this.#nameNode("LISTSTATUS", "GET", path, {});
    return jsonOf<{ FileStatuses: { FileStatus: FileStatus[] } }>(reply, "LISTSTATUS", path).FileStatuses.FileStatus;
  }

  /** The content of a file: for tests and small files. */
  async read(path: string): Promise<Buffer> {
    const reply = await this.#nameNode("OPEN", "GET", path, {}, [200, 307]);
    if (reply.status === 200) return reply.body;
    const url = this.#redirected(reply, "OPEN", path);
    const data = await this.#ask({ method: "GET", url, timeout: this.#settings.timeout }, "OPEN", path);
    if (data.status !== 200) throw refusal("OPEN", path, data);
    return data.body;
  }

  close(): void {
    this.#http.close();
  }

  async #boolean(operation: string, method: Method, path: string, query: Query): Promise<boolean> {
    const reply = await this.#nameNode(operation, method, path, query);
    return jsonOf<{ boolean: boolean }>(reply, operation, path).boolean === true;
  }

  /**
   * The two steps of a write: the name node names a data node, and that gets the bytes. HttpFS names itself, and wants
   * the content type and `data=true`, which is in the address it gives.
   */
  async #upload(
    operation: string,
    method: Method,
    path: string,
    query: Query,
    body: Content,
    success: number,
    again = false,
  ): Promise<void> {
    const { timeout } = this.#settings;
    const unreachable: string[] = [];
    for (let standbys = 0; ; ) {
      const excluded: Query = unreachable.length > 0 ? { excludedatanodes: unreachable.join(",") } : {};
      const first = await this.#firstStep(operation, method, path, { ...query, ...excluded });
      const sender = this.#active;
      const url = this.#redirected(first, operation, path);
      const headers = { "content-type": "application/octet-stream", ...(await this.#credentials(url, false)) };
      try {
        const reply = await this.#ask({ method, url, headers, body, timeout }, operation, path);
        if (reply.status === success) return;
        throw refusal(operation, path, reply);
      } catch (error) {
        // A standby, too, names a data node for a CREATE, which finds out when it asks it for a block.
        if (isHdfsError(error) && error.code === "FLUME_HDFS_STANDBY") {
          this.#leave(sender);
          if (++standbys < this.#settings.urls.length) continue;
        }
        const perhapsMade = operation === "CREATE" && (again || standbys > 0);
        if (perhapsMade && isTaken(error) && (await this.status(path))?.length === 0) throw perhapsOurs(error);
        // Nothing has been sent: the name node does not yet know that this data node is gone.
        const notSent = isHdfsError(error) && error.code === "FLUME_HDFS_UNREACHABLE";
        if (!notSent || unreachable.length + 1 >= MOST_DATA_NODES || unreachable.includes(url.host)) throw error;
        unreachable.push(url.host);
      }
    }
  }

  /** The name node changes nothing in it, however it ends. */
  async #firstStep(operation: string, method: Method, path: string, query: Query): Promise<Reply> {
    try {
      return await this.#nameNode(operation, method, path, query, [307, 201, 200]);
    } catch (error) {
      if (!isHdfsError(error) || error.outcome === "none") throw error;
      const { code, exception, parameters } = error;
      throw new HdfsError(code, { outcome: "none", exception, parameters, cause: error });
    }
  }

  /** Where the second step goes. Never from TLS to plain text. */
  #redirected(reply: Reply, operation: string, path: string): URL {
    const location = reply.headers.location;
    const url = parsedUrl(location ?? "");
    const secure = this.#settings.urls[this.#active]?.startsWith("https:") ?? false;
    if (!url || !(url.protocol === "https:" || (url.protocol === "http:" && !secure))) {
      // Its query holds a token wherever logins are wanted.
      const address = location === undefined ? "none" : location.replace(/\?.*/s, "");
      const reason = `no usable address of a data node came with status ${reply.status}: ${address}`;
      throw new HdfsError("FLUME_HDFS_REFUSED", { parameters: { operation, path, reason } });
    }
    return url;
  }

  /** Asks the active name node; finds out which it is. */
  async #nameNode(
    operation: string,
    method: Method,
    path: string,
    query: Query,
    success: readonly number[] = [200],
  ): Promise<Reply> {
    const { urls, timeout } = this.#settings;
    const first = this.#active;
    let failure: unknown;
    for (let i = 0; i < urls.length; i++) {
      const at = (first + i) % urls.length;
      const url = this.#address(urls[at] as string, operation, path, query);
      try {
        const reply = await this.#askAsOurselves({ method, url, timeout }, operation, path);
        if (success.includes(reply.status)) {
          this.#active = at;
          return reply;
        }
        const error = refusal(operation, path, reply);
        if (!asksForAnother(reply.status, remoteExceptionOf(reply.body))) throw error;
        failure = tellingFailure(failure, error);
      } catch (error) {
        if (!isUnanswered(error)) throw error;
        this.#leave(at);
        // What changes something is not asked of another one while it may have been done.
        if (method !== "GET" && isHdfsError(error) && error.outcome === "unknown" && !isFirstStep(operation))
          throw error;
        failure = tellingFailure(failure, error);
      }
    }
    throw failure;
  }

  /** The next request begins with the next name node, unless another request has found that out before. */
  #leave(nameNode: number): void {
    if (this.#active === nameNode) this.#active = (nameNode + 1) % this.#settings.urls.length;
  }

  #address(nameNode: string, operation: string, path: string, query: Query): URL {
    const { login, proxyUser } = this.#settings;
    const url = new URL(urlPath(path), nameNode);
    url.searchParams.set("op", operation);
    if (login.kind === "simple") url.searchParams.set("user.name", login.user);
    if (login.kind === "token") url.searchParams.set("delegation", login.token);
    // A token is of a user already.
    if (proxyUser !== "" && login.kind !== "token") url.searchParams.set("doas", proxyUser);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, String(value));
    return url;
  }

  /** Headers that say who asks. A data node is told by its address: no ticket is sent to it. */
  async #credentials(url: URL, nameNode: boolean): Promise<Record<string, string>> {
    if (!this.#kerberos) return {};
    const ours = nameNode || this.#settings.urls.includes(url.origin);
    if (!ours) return {};
    const cookie = this.#cookies.get(url.origin);
    if (cookie !== undefined) return { cookie };
    return { authorization: await this.#kerberos.authorization(url.hostname) };
  }

  /** With a ticket where the cookie of an earlier login does not count any more: it has ended, or the name node has started anew. */
  async #askAsOurselves(question: Question, operation: string, path: string): Promise<Reply> {
    const cookie = this.#cookies.get(question.url.origin);
    const ask = async () => {
      const headers = { "x-xsrf-header": "headrace", ...(await this.#credentials(question.url, true)) };
      const reply = await this.#ask({ ...question, headers }, operation, path);
      this.#keepCookie(question.url, reply);
      return reply;
    };
    const reply = await ask();
    if (reply.status !== 401 || cookie === undefined) return reply;
    // Unless another request has a new one by now.
    if (this.#cookies.get(question.url.origin) === cookie) this.#cookies.delete(question.url.origin);
    return await ask();
  }

  /** `hadoop.auth`: hadoop-auth, "Java HTTP SPNEGO". */
  #keepCookie(url: URL, reply: Reply): void {
    if (!this.#kerberos || reply.status === 401) return;
    const [cookie] = (reply.headers["set-cookie"] ?? []).filter((line) => line.startsWith("hadoop.auth="));
    const [pair] = cookie?.split(";") ?? [];
    if (pair !== undefined && pair !== "hadoop.auth=") this.#cookies.set(url.origin, pair);
  }

  async #ask(question: Question, operation: string, path: string): Promise<Reply> {
    try {
      return await this.#http.ask(question);
    } catch (error) {
      if (isHeadraceError(error)) throw error;
      throw unanswered(error, question, operation, path);
    }
  }
}

/**
 * In a change-over a name node may have made the file and then, no longer the active one, refused the block for it. The
 * second try finds it, empty: as good as certainly it is what the first one has made.
 */
function perhapsOurs(error: unknown): HdfsError {
  const { code, parameters } = error as HdfsError;
  return new HdfsError(code, { outcome: "unknown", parameters, cause: error });
}

function unanswered(error: unknown, { url, timeout }: Question, operation: string, path: string): HdfsError {
  const sent = !(error instanceof NoReply) || error.sent;
  // OpenSSL's end with a line feed.
  const reason = reasonOf(error).trim();
  if (error instanceof NoReply && error.timedOut && sent) {
    const parameters = { operation, path, milliseconds: timeout };
    return new HdfsError("FLUME_HDFS_TIMEOUT", { outcome: "unknown", parameters, cause: error });
  }
  if (answeredByTls(error)) {
    return new HdfsError("FLUME_HDFS_TLS_WANTED", { parameters: { address: url.origin, reason }, cause: error });
  }
  const { code } = ((error as { cause?: unknown }).cause ?? {}) as { code?: unknown };
  if (code === NOT_HTTP) {
    const parameters = { address: url.origin, reason };
    return new HdfsError("FLUME_HDFS_NOT_HTTP", { outcome: "unknown", parameters, cause: error });
  }
  if (sent) {
    const parameters = { operation, path, reason };
    return new HdfsError("FLUME_HDFS_INTERRUPTED", { outcome: "unknown", parameters, cause: error });
  }
  if (typeof code === "string" && TLS_TROUBLE.test(code)) {
    return new HdfsError("FLUME_HDFS_TLS", { parameters: { address: url.origin, reason }, cause: error });
  }
  return new HdfsError("FLUME_HDFS_UNREACHABLE", { parameters: { address: url.origin, reason }, cause: error });
}

/** What node:http says of an answer that does not begin as HTTP does. */
const NOT_HTTP = "HPE_INVALID_CONSTANT";

/** The first byte of an alert in TLS (RFC 8446, "Record Protocol"), which is what a server says to plain text. */
const TLS_ALERT = 0x15;

function answeredByTls(error: unknown): boolean {
  const { rawPacket } = ((error as { cause?: unknown }).cause ?? {}) as { rawPacket?: unknown };
  return Buffer.isBuffer(rawPacket) && rawPacket[0] === TLS_ALERT;
}

/** Codes of OpenSSL and node:tls: nothing of HTTP has been sent then. */
const TLS_TROUBLE = /^(ERR_TLS|ERR_SSL|EPROTO|CERT|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_OSSL)/;

const UNANSWERED = new Set([
  "FLUME_HDFS_UNREACHABLE",
  "FLUME_HDFS_TLS",
  "FLUME_HDFS_TLS_WANTED",
  "FLUME_HDFS_NOT_HTTP",
  "FLUME_HDFS_INTERRUPTED",
  "FLUME_HDFS_TIMEOUT",
]);

function isUnanswered(error: unknown): boolean {
  return isHdfsError(error) && UNANSWERED.has(error.code);
}

/** The name node changes nothing in the first step of a write. */
function isFirstStep(operation: string): boolean {
  return operation === "CREATE" || operation === "APPEND";
}

/** Of what several name nodes said: the first that is more than "not me". */
function tellingFailure(before: unknown, error: unknown): unknown {
  if (before === undefined) return error;
  return isHdfsError(before) && before.code === "FLUME_HDFS_STANDBY" ? error : before;
}

function jsonOf<T>(reply: Reply, operation: string, path: string): T {
  try {
    return JSON.parse(reply.body.toString()) as T;
  } catch (error) {
    const parameters = { operation, path, reason: "the answer is no JSON: is this the address of WebHDFS?" };
    throw new HdfsError("FLUME_HDFS_REFUSED", { outcome: "unknown", parameters, cause: error });
  }
}
