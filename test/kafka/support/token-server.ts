import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** An OAuth 2.0 server that answers whoever asks (client credentials, RFC 6749 §4.4). */
export class TokenServer {
  /** The Authorization header of each request so far. */
  readonly asked: string[] = [];
  readonly #server: Server;

  private constructor(answer: () => string) {
    this.#server = createServer((request, response) => {
      this.asked.push(request.headers.authorization ?? "");
      response.end(answer());
    });
  }

  static start(token: () => string): Promise<TokenServer> {
    return TokenServer.answering(() => JSON.stringify({ access_token: token(), token_type: "bearer" }));
  }

  static async answering(answer: () => string): Promise<TokenServer> {
    const tokens = new TokenServer(answer);
    tokens.#server.listen(0, "127.0.0.1");
    await once(tokens.#server, "listening");
    return tokens;
  }

  /** Of a kafka-cluster node that gets its tokens here. */
  get oauth() {
    const { port } = this.#server.address() as AddressInfo;
    return {
      mechanism: "OAUTHBEARER",
      tokenUrl: `http://127.0.0.1:${port}/token`,
      oauthClientId: "id",
      oauthClientSecret: "s",
    } as const;
  }

  async stop(): Promise<void> {
    this.#server.close();
    await once(this.#server, "close");
  }
}
