import { type LogService, type LogServiceSettings, startLogService } from "../emulator/log-service.js";
import { Ledger } from "./ledger.js";
import { SourceProcess } from "./source-process.js";
import {
  type Emission,
  type ProjectSettings,
  RunningSource,
  type ServiceAddress,
  type SourceSettings,
} from "./sources.js";

/** One service with a ledger of what it was given, and the sources that a test starts on it. */
export class Fixture {
  readonly service: LogService;
  readonly ledger: Ledger;
  readonly sources: RunningSource[] = [];
  readonly processes: SourceProcess[] = [];

  constructor(service: LogService) {
    this.service = service;
    this.ledger = new Ledger(service);
  }

  /** A key for each consumer, so that the service's records tell them apart. */
  addressFor(consumer: string): ServiceAddress {
    const { endpoint, project, region, keys } = this.service;
    return { endpoint, project, region, key: keys.get(consumer) ?? this.service.addKey(consumer) };
  }

  readonly source = (
    consumer: string,
    settings: SourceSettings = {},
    project: ProjectSettings = {},
  ): Promise<RunningSource> => {
    const source = new RunningSource(this.addressFor(consumer), consumer, settings, project);
    this.sources.push(source);
    return source.start();
  };

  /** The same in a process of its own, which can be killed. */
  readonly process = (consumer: string, settings: SourceSettings = {}): SourceProcess => {
    const started = new SourceProcess(this.addressFor(consumer), consumer, settings);
    this.processes.push(started);
    return started;
  };

  /** Of all sources that there were. */
  readonly emissions = (): Emission[] => [...this.sources, ...this.processes].flatMap(({ emissions }) => emissions);

  readonly allOut = (): Promise<void> => this.ledger.allOut(this.emissions);

  /** Members and how many shards each holds. */
  readonly held = (): Map<string, number> => {
    const held = new Map<string, number>();
    for (const { consumer, until } of this.service.history.epochs.entries) {
      if (until === undefined) held.set(consumer, (held.get(consumer) ?? 0) + 1);
    }
    return held;
  };

  /** The place in a shard up to which the group has committed. */
  readonly committed = (shard: number): number => {
    const saved = this.service.store().group("g").checkpoints()[shard]?.checkpoint;
    return saved ? this.service.store().shard(shard).placeOf(saved) : 0;
  };
}

/** For use inside describe(): a service for each test, made by it; sources and service are stopped after it. */
export function useFixture(): (settings?: Partial<LogServiceSettings>) => Promise<Fixture> {
  const open: Fixture[] = [];
  afterEach(async function () {
    this.timeout(60_000);
    for (const { sources, processes, service } of open.splice(0)) {
      service.endFaults();
      await Promise.all([...sources.map((source) => source.stop()), ...processes.map((one) => one.kill())]);
      await service.close();
    }
  });
  return async (settings) => {
    const fixture = new Fixture(await startLogService(settings));
    open.push(fixture);
    return fixture;
  };
}
