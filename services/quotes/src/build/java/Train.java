import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/**
 * Runs the service once while the image is built, sends it a request of each kind, and has the JVM write the cache of what it
 * loaded. Arguments: the runtime's java, the cache to write. Any failure ends the build.
 */
final class Train {
    private static final String SHIPMENT = "{\"id\":\"S1\",\"status\":\"booked\",\"location\":\"DEHAM\",\"weight_kg\":18000}";
    private static final String BODY = "{\"from\":\"NLRTM\",\"to\":\"SGSIN\",\"weight_kg\":1200.5,\"volume_m3\":8}";

    public static void main(String[] arguments) throws Exception {
        HttpServer tracking = tracking();
        int port = freePort();
        ProcessBuilder builder = new ProcessBuilder(arguments[0], "-XX:AOTCacheOutput=" + arguments[1], "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders", "-m", "harbour.quotes/harbour.quotes.Main").inheritIO();
        builder.environment().putAll(java.util.Map.of("PORT", Integer.toString(port), "DRAIN_SECONDS", "0", "BASE_PATH", "/quotes",
                "TRACKING_URL", "http://127.0.0.1:" + tracking.getAddress().getPort()));
        Process service = builder.start();
        try {
            drive("http://127.0.0.1:" + port, service);
        } finally {
            service.destroy(); // SIGTERM: the drain is part of the training
        }
        int code = service.waitFor();
        tracking.stop(0);
        if (code != 0 || Files.size(Path.of(arguments[1])) == 0) {
            throw new IllegalStateException("the training run ended with " + code);
        }
    }

    private static void drive(String base, Process service) throws Exception {
        String query = "/quotes?from=NLRTM&to=SGSIN&weight_kg=1200&volume_m3=8.5";
        try (HttpClient client = HttpClient.newHttpClient()) {
            for (int i = 0; !answers(client, base + "/healthz"); i++) {
                if (i > 200 || !service.isAlive()) {
                    throw new IllegalStateException("the service does not answer");
                }
                Thread.sleep(50);
            }
            for (String path : List.of(query, query + "&shipment=S1", query + "&shipment=none", "/quotes" + query, "/quotes?from=x", "/ports",
                    "/info", "/metrics", "/openapi.json", "/readyz", "/nothing")) {
                client.send(HttpRequest.newBuilder(URI.create(base + path)).build(), BodyHandlers.ofString());
            }
            for (String body : List.of(BODY, "{", "{}")) {
                client.send(HttpRequest.newBuilder(URI.create(base + "/quotes")).header("Content-Type", "application/json")
                        .POST(BodyPublishers.ofString(body)).build(), BodyHandlers.ofString());
            }
        }
    }

    private static boolean answers(HttpClient client, String url) throws InterruptedException {
        try {
            return client.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofString()).statusCode() == 200;
        } catch (java.io.IOException e) {
            return false;
        }
    }

    private static HttpServer tracking() throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/shipments/", exchange -> {
            boolean known = exchange.getRequestURI().getPath().endsWith("/S1");
            byte[] body = (known ? SHIPMENT : "{}").getBytes(StandardCharsets.UTF_8);
            exchange.sendResponseHeaders(known ? 200 : 404, body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
        return server;
    }

    private static int freePort() throws Exception {
        try (ServerSocket socket = new ServerSocket(0)) {
            return socket.getLocalPort();
        }
    }
}
