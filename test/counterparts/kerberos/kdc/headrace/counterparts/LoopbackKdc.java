package headrace.counterparts;

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

import org.apache.kerby.KOptions;
import org.apache.kerby.kerberos.kerb.client.KrbClient;
import org.apache.kerby.kerberos.kerb.client.KrbOption;
import org.apache.kerby.kerberos.kerb.server.KdcConfigKey;
import org.apache.kerby.kerberos.kerb.server.SimpleKdcServer;

/**
 * A key distribution centre on loopback, over TCP alone. Obeys lines on the standard input, words set apart by tabs:
 * "keytab FILE PRINCIPAL …" makes principals with random keys and writes these to the file;
 * "ticket PRINCIPAL KEYTAB CACHE SECONDS" gets a ticket of so many seconds into a credential cache, as kinit would.
 *
 * Arguments: --dir FOLDER --realm REALM --port N
 */
public final class LoopbackKdc {
  private static SimpleKdcServer kdc;
  private static String realm;
  private static int port;

  public static void main(String[] args) throws Exception {
    File dir = null;
    for (int i = 0; i < args.length; i++) {
      switch (args[i]) {
        case "--dir": dir = new File(args[++i]); break;
        case "--realm": realm = args[++i]; break;
        case "--port": port = Integer.parseInt(args[++i]); break;
        default: throw new IllegalArgumentException(args[i]);
      }
    }
    dir.mkdirs();
    kdc = new SimpleKdcServer();
    kdc.setWorkDir(dir);
    kdc.setKdcHost("localhost");
    kdc.setKdcRealm(realm);
    kdc.setAllowUdp(false);
    kdc.setKdcTcpPort(port);
    // Tests want tickets that end while they watch.
    kdc.getKdcConfig().setLong(KdcConfigKey.MINIMUM_TICKET_LIFETIME, 1L);
    kdc.init();
    kdc.start();
    System.out.println("KDC-READY");

    // It ends with its input, so whoever started it cannot leave it behind.
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      try {
        obey(line.split("\t"));
        System.out.println("KDC-DONE " + line);
      } catch (Throwable problem) {
        System.out.println("KDC-FAILED " + line + ": " + problem);
      }
    }
    Runtime.getRuntime().halt(0);
  }

  private static void obey(String[] words) throws Exception {
    switch (words[0]) {
      case "keytab":
        kdc.createAndExportPrincipals(new File(words[1]), Arrays.copyOfRange(words, 2, words.length));
        break;
      case "ticket":
        ticket(words[1], new File(words[2]), new File(words[3]), words[4]);
        break;
      default: throw new IllegalArgumentException("unknown command");
    }
  }

  private static void ticket(String principal, File keytab, File cache, String seconds) throws Exception {
    KrbClient client = new KrbClient();
    client.setKdcHost("localhost");
    client.setKdcRealm(realm);
    client.setAllowUdp(false);
    client.setKdcTcpPort(port);
    client.init();
    KOptions options = new KOptions();
    options.add(KrbOption.CLIENT_PRINCIPAL, principal);
    options.add(KrbOption.USE_KEYTAB, true);
    options.add(KrbOption.KEYTAB_FILE, keytab);
    options.add(KrbOption.LIFE_TIME, Integer.parseInt(seconds));
    client.storeTicket(client.requestTgt(options), cache);
  }
}
