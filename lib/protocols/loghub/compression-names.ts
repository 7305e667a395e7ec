/** As `Accept-Encoding` and `x-log-compresstype` have them; deflate is a zlib stream (RFC 1950). */
export const LOGHUB_COMPRESSIONS = ["lz4", "zstd", "deflate", "none"] as const;
export type LogHubCompression = (typeof LOGHUB_COMPRESSIONS)[number];
