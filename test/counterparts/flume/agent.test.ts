import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { type FlumeAgent, flumeUnavailable, freePort, metric, startFlume } from './agent';
import { fetchFlume } from './fetch';

describe('a real Flume agent', function () {
  this.timeout(60_000);

  let agent: FlumeAgent;
  let port: number;

  before('fetch Flume and start netcat → memory → logger', async function () {
    // The first fetch on a machine brings some 180 jars.
    this.timeout(15 * 60_000);
    const reason = await flumeUnavailable();
    if (reason !== undefined) {
      console.log(`      skipped: ${reason}`);
      this.skip();
    }
    await fetchFlume();
    port = await freePort();
    agent = await startFlume({
      heap: '128m',
      config: {
        sources: 'r1',
        channels: 'c1',
        sinks: 'k1',
        'sources.r1.type': 'netcat',
        'sources.r1.bind': '127.0.0.1',
        'sources.r1.port': String(port),
        'sources.r1.channels': 'c1',
        'channels.c1.type': 'memory',
        'sinks.k1.type': 'logger',
        'sinks.k1.channel': 'c1',
      },
    });
  });

  after(async () => {
    await agent?.stop();
  });

  it('answers OK to each line and counts it', async () => {
    const client = await connectWhenListening(port);
    client.setEncoding('utf8');
    let replies = '';
    client.on('data', (text: string) => {
      replies += text;
    });
    client.write('Hello\nworld\n');
    await eventually(() => replies === 'OK\nOK\n');
    client.end();

    await eventually(async () => metric(await agent.metrics(), 'CHANNEL.c1', 'EventTakeSuccessCount') === 2);
    await agent.logged(/Event: \{ headers:\{\} body: 48 65 6C 6C 6F\s+Hello \}/);
  });

  it('tells how much memory it takes', () => {
    const now = agent.rss();
    const most = agent.peakRss();
    if (process.platform !== 'linux') return;
    assert.ok(now !== undefined && most !== undefined && now > 1_000_000 && most >= now);
  });

  it('ends when told to, and what it took stays known', async () => {
    await agent.stop();
    assert.throws(() => process.kill(agent.pid, 0), { code: 'ESRCH' });
    assert.equal(agent.rss(), undefined);
    if (process.platform === 'linux') assert.ok((agent.peakRss() ?? 0) > 0);
    await agent.stop();
  });

  it('refuses a configuration that names no agent a1', async () => {
    await assert.rejects(startFlume({ config: 'b1.sources = r1\n', heap: '64m' }), /no agent called a1/);
  });
});

/** Flume starts a source on a thread of its own, a little after its metrics answer. */
async function connectWhenListening(port: number): Promise<Socket> {
  for (let attempt = 1; ; attempt++) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return socket;
    } catch (error) {
      if (attempt === 50) throw error;
      await delay(100);
    }
  }
}

async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `not true after 10 s: ${String(condition)}`);
    await delay(50);
  }
}
