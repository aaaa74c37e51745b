import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.Executors;

/** GET /quotes with the same tariff, one log line per request, and nothing else. */
final class Plain {
    private static final Map<String, double[]> PORTS = Map.of("NLRTM", new double[] {51.95, 4.14}, "SGSIN", new double[] {1.26, 103.84});

    public static void main(String[] arguments) throws Exception {
        HttpServer server = HttpServer.create(new InetSocketAddress(8080), 0);
        server.setExecutor(Executors.newFixedThreadPool(16));
        server.createContext("/healthz", exchange -> answer(exchange, "{\"status\":\"ok\"}"));
        server.createContext("/quotes", exchange -> answer(exchange, quote(query(exchange.getRequestURI().getRawQuery()))));
        server.start();
    }

    private static Map<String, String> query(String raw) {
        Map<String, String> query = new HashMap<>();
        for (String pair : raw.split("&")) {
            String[] parts = pair.split("=", 2);
            query.put(parts[0], URLDecoder.decode(parts[1], StandardCharsets.UTF_8));
        }
        return query;
    }

    private static String quote(Map<String, String> query) {
        double tonnes = Math.max(Double.parseDouble(query.get("weight_kg")), Double.parseDouble(query.get("volume_m3")) * 1000) / 1000;
        double km = distance(PORTS.get(query.get("from")), PORTS.get(query.get("to")));
        double freight = tonnes * km * 0.008;
        return String.format("{\"from\":\"%s\",\"to\":\"%s\",\"distance_km\":%.0f,\"currency\":\"EUR\",\"amount\":\"%.2f\",\"degraded\":false}",
                query.get("from"), query.get("to"), km, 45 + freight * 1.125 + tonnes * 36);
    }

    private static double distance(double[] a, double[] b) {
        double dLat = Math.toRadians(b[0] - a[0]);
        double dLon = Math.toRadians(b[1] - a[1]);
        double h = Math.pow(Math.sin(dLat / 2), 2)
                + Math.cos(Math.toRadians(a[0])) * Math.cos(Math.toRadians(b[0])) * Math.pow(Math.sin(dLon / 2), 2);
        return 2 * 6371.0088 * Math.asin(Math.sqrt(h)) * 4 / 3;
    }

    private static void answer(HttpExchange exchange, String text) throws IOException {
        byte[] body = text.getBytes(StandardCharsets.UTF_8);
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        exchange.sendResponseHeaders(200, body.length);
        exchange.getResponseBody().write(body);
        exchange.close();
        System.out.println("{\"path\":\"" + exchange.getRequestURI().getPath() + "\",\"status\":200}");
    }
}
