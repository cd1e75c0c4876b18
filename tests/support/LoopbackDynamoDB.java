import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

/**
 * Starts DynamoDB Local bound to loopback, and ends it when standard input closes.
 *
 * Its own launcher listens on every interface and has no option to change that; and a test run that is killed would
 * leave it behind.
 */
public class LoopbackDynamoDB {
    public static void main(String[] args) throws Exception {
        DynamoDBProxyServer proxy = ServerRunner.createServerFromCommandLineArgs(args);
        bindToLoopback(proxy);
        proxy.start();
        while (System.in.read() >= 0) {
            continue;
        }
        System.exit(0);
    }

    private static void bindToLoopback(DynamoDBProxyServer proxy) throws Exception {
        var field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        for (Connector connector : ((Server) field.get(proxy)).getConnectors()) {
            ((ServerConnector) connector).setHost("127.0.0.1");
        }
    }
}
