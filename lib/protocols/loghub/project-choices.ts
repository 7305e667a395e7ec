/** How requests are signed; `auto`: V4 where the region is known, else V1. */
export const SIGNATURES = ["auto", "V1", "V4"] as const;

/** Where credentials come from. */
export const CREDENTIAL_KINDS = ["keys", "file", "environment", "address"] as const;
