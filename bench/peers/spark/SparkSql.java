import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** SparkSql PORT THREADS STATEMENT: one statement over the tables of the Cassandra on 127.0.0.1:PORT, its rows as CSV. */
public class SparkSql {
    public static void main(String[] args) {
        SparkSession session = SparkSession.builder()
            .master("local[" + args[1] + "]")
            .config("spark.ui.enabled", "false")
            .config("spark.driver.bindAddress", "127.0.0.1")
            .config("spark.driver.host", "127.0.0.1")
            .config("spark.sql.session.timeZone", "UTC")
            .config("spark.sql.shuffle.partitions", "4")
            .config("spark.sql.extensions", "com.datastax.spark.connector.CassandraSparkExtensions")
            .config("spark.sql.catalog.cass", "com.datastax.spark.connector.datasource.CassandraCatalog")
            .config("spark.cassandra.connection.host", "127.0.0.1")
            .config("spark.cassandra.connection.port", args[0])
            .getOrCreate();
        for (Row row : session.sql(args[2]).collectAsList()) System.out.println(row.mkString(","));
        session.stop();
    }
}
