import com.sun.net.httpserver.HttpServer;
import java.net.InetSocketAddress;

/** Answers 200 to everything. */
final class Floor {
    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.createContext("/", exchange -> {
            exchange.sendResponseHeaders(200, -1);
            exchange.close();
        });
        server.start();
    }
}
