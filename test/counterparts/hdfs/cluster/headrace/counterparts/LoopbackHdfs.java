package headrace.counterparts;

import java.io.BufferedReader;
import java.io.File;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.hdfs.HdfsConfiguration;
import org.apache.hadoop.hdfs.MiniDFSCluster;
import org.apache.hadoop.hdfs.MiniDFSCluster.DataNodeProperties;
import org.apache.hadoop.hdfs.MiniDFSNNTopology;
import org.apache.hadoop.security.UserGroupInformation;

/**
 * Hadoop's own cluster in one process, with nodes that can be stopped and started one by one, and a pair of name nodes
 * that can change over, by lines on the standard input. MiniDFSClusterManager of Hadoop can only start and stop all of
 * them, and knows no pair of name nodes.
 *
 * Arguments: --dir FOLDER --name-port N --http-port N [--http-port N] --data-nodes N [--data-dir FOLDER]
 * [--lease-soft-limit MS] [--format] -D key=value …
 * Two --http-port make a high-availability pair, of which the first is active. With --data-dir the only data node keeps
 * its blocks there.
 */
public final class LoopbackHdfs {
  private static MiniDFSCluster cluster;
  private static long leaseSoftLimit = 0;
  private static final Map<Integer, DataNodeProperties> stopped = new HashMap<>();

  public static void main(String[] args) throws Exception {
    Configuration conf = new HdfsConfiguration();
    String dir = null;
    int namePort = 0;
    int dataNodes = 1;
    String dataDir = null;
    boolean format = false;
    List<Integer> httpPorts = new ArrayList<>();
    for (int i = 0; i < args.length; i++) {
      switch (args[i]) {
        case "--dir": dir = args[++i]; break;
        case "--name-port": namePort = Integer.parseInt(args[++i]); break;
        case "--http-port": httpPorts.add(Integer.parseInt(args[++i])); break;
        case "--data-nodes": dataNodes = Integer.parseInt(args[++i]); break;
        case "--lease-soft-limit": leaseSoftLimit = Long.parseLong(args[++i]); break;
        case "--data-dir": dataDir = args[++i]; break;
        case "--format": format = true; break;
        case "-D":
          String[] pair = args[++i].split("=", 2);
          conf.set(pair[0], pair[1]);
          break;
        default: throw new IllegalArgumentException(args[i]);
      }
    }
    // Formatting, too, asks who this is; the name node would tell it only later whether that takes Kerberos.
    UserGroupInformation.setConfiguration(conf);
    if (dataDir != null) conf.set("dfs.datanode.data.dir", dataDir);
    MiniDFSCluster.Builder builder = new MiniDFSCluster.Builder(conf, new File(dir))
        .numDataNodes(dataNodes).format(format).manageNameDfsDirs(true).manageDataDfsDirs(dataDir == null)
        .checkExitOnShutdown(false);
    if (httpPorts.size() == 1) {
      builder.nameNodePort(namePort).nameNodeHttpPort(httpPorts.get(0));
    } else {
      MiniDFSNNTopology.NSConf pair = new MiniDFSNNTopology.NSConf("headrace");
      for (int i = 0; i < httpPorts.size(); i++) {
        pair.addNN(new MiniDFSNNTopology.NNConf("nn" + (i + 1)).setHttpPort(httpPorts.get(i)));
      }
      builder.nnTopology(new MiniDFSNNTopology().addNameservice(pair));
    }
    cluster = builder.build();
    if (httpPorts.size() > 1) cluster.transitionToActive(0);
    cluster.waitActive();
    shortenLeases();
    System.out.println("HDFS-READY");

    // It ends with its input, so whoever started it cannot leave it behind.
    BufferedReader input = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = input.readLine(); line != null; line = input.readLine()) {
      try {
        obey(line.split(" "));
        System.out.println("HDFS-DONE " + line);
      } catch (Throwable problem) {
        System.out.println("HDFS-FAILED " + line + ": " + problem);
      }
    }
    Runtime.getRuntime().halt(0);
  }

  /** Hadoop has no setting for the soft limit, after which a writer that is gone loses its file: a minute. */
  private static void shortenLeases() {
    if (leaseSoftLimit > 0) cluster.setLeasePeriod(leaseSoftLimit, 20 * leaseSoftLimit);
  }

  private static void obey(String[] words) throws Exception {
    int number = words.length > 1 ? Integer.parseInt(words[1]) : 0;
    switch (words[0]) {
      case "active": cluster.transitionToActive(number); break;
      case "standby": cluster.transitionToStandby(number); break;
      case "stop-name": cluster.shutdownNameNode(number); break;
      case "start-name":
        cluster.restartNameNode(number, true);
        shortenLeases();
        break;
      case "stop-data": stopped.put(number, cluster.stopDataNode(number)); break;
      case "start-data":
        cluster.restartDataNode(stopped.remove(number), true);
        break;
      default: throw new IllegalArgumentException("unknown command");
    }
  }
}
