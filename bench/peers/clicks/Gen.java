import java.util.Arrays;
import java.util.Date;
import java.util.UUID;
import org.apache.cassandra.dht.Murmur3Partitioner;
import org.apache.cassandra.io.sstable.CQLSSTableWriter;
import org.apache.cassandra.utils.ByteBufferUtil;

/** Gen OUTDIR ROWS USERS: writes the table clicks.events as SSTables, offline. The same arguments give the same rows. */
public class Gen {
  static final String TABLE = "CREATE TABLE clicks.events (user_id bigint, ts timestamp, event_id uuid, url text, "
      + "country text, device text, amount double, PRIMARY KEY ((user_id), ts, event_id))";
  static final String INSERT =
      "INSERT INTO clicks.events (user_id,ts,event_id,url,country,device,amount) VALUES (?,?,?,?,?,?,?)";
  static final String[] COUNTRIES = {"US", "IN", "BR", "DE", "GB", "FR", "JP", "MX", "ID", "TR", "IT", "ES", "CA", "KR",
    "NG", "PL", "AU", "NL", "SE", "CH"};
  static final String[] DEVICES = {"mobile", "desktop", "tablet", "tv"};
  static final String[] PAGES = {"home", "search", "product", "cart", "checkout", "account", "help", "category"};
  static final long START_MS = 1767225600000L; // 2026-01-01
  static final long MONTH_MS = 30L * 86400000L;
  static final long GOLDEN = 0x9E3779B97F4A7C15L;

  /** The finalizer of splitmix64. */
  static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }

  /** Rows per user: Zipf-like, at least one each, exactly `rows` in all. */
  static int[] rowsPerUser(int rows, int users) {
    int[] count = new int[users];
    double sum = 0;
    for (int i = 0; i < users; i++) sum += 1 / Math.pow(i + 10, 0.6);
    long total = 0;
    for (int i = 0; i < users; i++) {
      count[i] = Math.max(1, (int) (rows / Math.pow(i + 10, 0.6) / sum));
      total += count[i];
    }
    for (int i = 0; total != rows; i = (i + 1) % users) {
      if (total < rows) {
        count[i]++;
        total++;
      } else if (count[i] > 1) {
        count[i]--;
        total--;
      }
    }
    return count;
  }

  public static void main(String[] args) throws Exception {
    int rows = Integer.parseInt(args[1]), users = Integer.parseInt(args[2]);
    if (rows < users) throw new IllegalArgumentException("fewer rows than users");
    int[] count = rowsPerUser(rows, users);
    long[] ids = new long[users], tokens = new long[users];
    Integer[] order = new Integer[users];
    for (int i = 0; i < users; i++) {
      ids[i] = 1000000L + i;
      order[i] = i;
      tokens[i] = (Long) Murmur3Partitioner.instance.getToken(ByteBufferUtil.bytes(ids[i])).getTokenValue();
    }
    Arrays.sort(order, (x, y) -> Long.compare(tokens[x], tokens[y]));
    CQLSSTableWriter writer =
        CQLSSTableWriter.builder().inDirectory(args[0]).forTable(TABLE).using(INSERT).sorted().build();
    long done = 0;
    for (int user : order) {
      long id = ids[user], seed = mix(id * GOLDEN);
      String home = COUNTRIES[(int) (Math.pow((seed >>> 11) / (double) (1L << 53), 2.2) * COUNTRIES.length)];
      long[] times = new long[count[user]];
      for (int j = 0; j < times.length; j++) times[j] = START_MS + Long.remainderUnsigned(mix(seed + j * GOLDEN), MONTH_MS);
      Arrays.sort(times);
      for (int j = 1; j < times.length; j++) if (times[j] <= times[j - 1]) times[j] = times[j - 1] + 1;
      for (int j = 0; j < times.length; j++) {
        long r = mix(seed ^ (j * 0xD1B54A32D192ED03L)), r2 = mix(r + 1);
        UUID event = new UUID((r & ~0xf000L) | 0x4000L, (r2 & 0x3fffffffffffffffL) | 0x8000000000000000L);
        String page = PAGES[(int) (r2 >>> 61)];
        String url = "https://shop.example.com/" + page + "/" + Long.remainderUnsigned(r >>> 3, 20000);
        String country = (r & 31) == 0 ? COUNTRIES[(int) (r2 >>> 5 & 0x7fff) % COUNTRIES.length] : home;
        double x = ((r >>> 17) & 0xfffff) / 1048576.0;
        String device = DEVICES[x < .6 ? 0 : x < .9 ? 1 : x < .98 ? 2 : 3];
        boolean paid = page.equals("checkout") || page.equals("cart");
        Object amount = paid ? (Object) (Math.round(((r2 >>> 9) & 0xffff) * 0.7) / 100.0) : null;
        // null would write a tombstone
        writer.addRow(id, new Date(times[j]), event, url, country, device,
            amount == null ? CQLSSTableWriter.UNSET_VALUE : amount);
        if (++done % 1000000 == 0) System.err.println(done + " rows");
      }
    }
    writer.close();
    System.exit(0); // Cassandra's classes leave threads behind
  }
}
