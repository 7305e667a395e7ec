package headrace.counterparts;

import com.google.gson.Gson;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import org.apache.flume.Context;
import org.apache.flume.FlumeException;
import org.apache.flume.instrumentation.MonitorService;
import org.apache.flume.instrumentation.util.JMXPollUtil;

/**
 * What flume.monitoring.type=http answers at /metrics, on the loopback address only: Flume's own server
 * listens on every interface and cannot be told otherwise. It takes a free port and prints it, so nothing
 * has to guess one beforehand. It also ends the agent when the process that started it is gone.
 */
public final class LoopbackMetrics implements MonitorService {
  private final Gson gson = new Gson();
  private HttpServer server;

  @Override
  public void configure(Context context) {
    // There is nothing to set.
  }

  @Override
  public void start() {
    try {
      server = HttpServer.create(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0), 0);
    } catch (IOException e) {
      throw new FlumeException("cannot listen for metrics", e);
    }
    server.createContext("/metrics", exchange -> {
      byte[] body = gson.toJson(JMXPollUtil.getAllMBeans()).getBytes(StandardCharsets.UTF_8);
      exchange.getResponseHeaders().set("Content-Type", "application/json;charset=utf-8");
      exchange.sendResponseHeaders(200, body.length);
      try (OutputStream out = exchange.getResponseBody()) {
        out.write(body);
      }
    });
    server.start();
    Thread watch = new Thread(LoopbackMetrics::endWithStarter, "end-with-starter");
    watch.setDaemon(true);
    watch.start();
    System.out.println("LOOPBACK-METRICS-PORT " + server.getAddress().getPort());
  }

  /** Whoever started this process holds the other end of its input, and never writes. */
  private static void endWithStarter() {
    try {
      while (System.in.read() != -1) {
        // Nothing is expected.
      }
    } catch (IOException e) {
      // As good as its end.
    }
    Runtime.getRuntime().halt(1);
  }

  @Override
  public void stop() {
    if (server != null) {
      server.stop(0);
    }
  }
}
