/**
 * Whether a text can be a delegation token, as GETDELEGATIONTOKEN gives it in `urlString`: base64 for URLs of its identifier,
 * password, kind and service, each behind its length (org.apache.hadoop.security.token.Token, `encodeToUrlString`).
 */
export function isDelegationToken(text: string): boolean {
  if (!/^[\w-]+=*$/.test(text)) return false;
  const bytes = Buffer.from(text, "base64url");
  let at = 0;
  for (let field = 0; field < 4; field++) {
    const first = bytes[at++];
    if (first === undefined) return false;
    // Up to 127 the length itself; from 136 to 143 how many bytes of it follow, 143 for one (WritableUtils.readVInt).
    const more = first <= 127 ? 0 : 144 - first;
    if (more > 4 || more < 0 || at + more > bytes.length) return false;
    at += more + (more === 0 ? first : bytes.readUIntBE(at, more));
  }
  return at === bytes.length;
}
