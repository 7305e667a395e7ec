/** What signs a request. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** Of the security token service (STS); absent for the keys of a user. */
  readonly securityToken?: string | undefined;
  /** Milliseconds since 1970; undefined where nobody says. */
  readonly expiresAt?: number | undefined;
}

/** Where credentials come from. Both reject with FLUME_LOGHUB_CREDENTIALS. */
export interface CredentialsProvider {
  current(): Promise<Credentials>;
  /**
   * The service did not take `refused` (expired, withdrawn): fetches others. Resolves with the same again where there
   * are no others.
   */
  renewed(refused: Credentials): Promise<Credentials>;
}

/** Always the same. */
export function fixedCredentials(credentials: Credentials): CredentialsProvider {
  return { current: () => Promise.resolve(credentials), renewed: () => Promise.resolve(credentials) };
}

/** Temporary ones are fetched anew so long before they expire, in milliseconds. */
const EARLY = 5 * 60_000;
/** Between two fetches, however often somebody asks, in milliseconds. */
const FETCH_INTERVAL = 5_000;

/** Keeps what `fetch` gave until it is about to expire or the service refuses it. Fetches once for all who ask meanwhile. */
export class RenewableCredentials implements CredentialsProvider {
  readonly #fetch: () => Promise<Credentials>;
  readonly #now: () => number;
  #latest: Credentials | undefined;
  #fetchedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<Credentials> | undefined;

  constructor(fetch: () => Promise<Credentials>, now: () => number = Date.now) {
    this.#fetch = fetch;
    this.#now = now;
  }

  async current(): Promise<Credentials> {
    const latest = this.#latest;
    const due = latest === undefined || (latest.expiresAt ?? Number.POSITIVE_INFINITY) - EARLY <= this.#now();
    if (!due) return latest;
    if (latest && this.#justFetched()) return latest;
    try {
      return await this.#renew();
    } catch (error) {
      // As long as the old ones hold, work goes on.
      if (latest && (latest.expiresAt ?? 0) > this.#now()) return latest;
      throw error;
    }
  }

  async renewed(refused: Credentials): Promise<Credentials> {
    const latest = this.#latest;
    if (latest && latest !== refused) return latest;
    if (latest && this.#justFetched()) return latest;
    return await this.#renew();
  }

  /** And not being fetched at this moment. */
  #justFetched(): boolean {
    return this.#fetching === undefined && this.#now() - this.#fetchedAt < FETCH_INTERVAL;
  }

  #renew(): Promise<Credentials> {
    this.#fetching ??= this.#fetchNow().finally(() => (this.#fetching = undefined));
    return this.#fetching;
  }

  async #fetchNow(): Promise<Credentials> {
    this.#fetchedAt = this.#now();
    this.#latest = await this.#fetch();
    return this.#latest;
  }
}
