/** What the library gives to an authentication provider: sends one message, and rejects where the broker says no. */
type Authenticate = (message: {
  request: { encode(): Promise<Buffer> };
  response: { decode(bytes: Buffer): Promise<string>; parse(text: string): Promise<string> };
}) => Promise<string | undefined>;

/**
 * SASL OAUTHBEARER (RFC 7628, §3). The library's own takes any answer for a yes: a token that was refused showed as a
 * connection that the broker closes at the next request.
 */
export function oauthBearer(token: () => Promise<string>) {
  return ({ saslAuthenticate }: { saslAuthenticate: Authenticate }) => ({
    async authenticate(): Promise<void> {
      const say = async (text: string) =>
        (await saslAuthenticate({ request: { encode: () => Promise.resolve(framed(text)) }, response: TEXT })) ?? "";
      const refusal = await say(`n,,\u0001auth=Bearer ${await token()}\u0001\u0001`);
      if (refusal === "") return;
      // The broker ends with an error of its own once it has heard that its reason was understood.
      await say("\u0001").catch(() => undefined);
      throw refused(refusal);
    },
  });
}

const PREFIX = 4;

const TEXT = {
  decode: (bytes: Buffer) => Promise.resolve(bytes.toString("utf8", PREFIX)),
  parse: (text: string) => Promise.resolve(text),
};

function framed(text: string): Buffer {
  const bytes = Buffer.alloc(PREFIX + Buffer.byteLength(text));
  bytes.writeInt32BE(bytes.length - PREFIX, 0);
  bytes.write(text, PREFIX, "utf8");
  return bytes;
}

/** In the form of the library's errors, so that it is told and retried as they are. */
function refused(answer: string): Error {
  return Object.assign(new Error(`the token is refused: ${statusIn(answer)}`), { type: "SASL_AUTHENTICATION_FAILED" });
}

/** The answer is JSON with a `status` (RFC 7628, §3.2.2); whatever else it is, a person may make sense of it. */
function statusIn(answer: string): string {
  try {
    const { status, scope } = JSON.parse(answer) as { status?: unknown; scope?: unknown };
    if (typeof status !== "string") return answer;
    return typeof scope === "string" && scope !== "" ? `${status}, needed scope ${scope}` : status;
  } catch {
    return answer;
  }
}
