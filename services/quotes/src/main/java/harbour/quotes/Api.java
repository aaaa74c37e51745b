package harbour.quotes;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.io.InputStream;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * HTTP: finds the resource, checks method and body, turns what happened into an answer, a log line and metrics. Every resource is
 * served with and without the base path, because load balancers do not strip it and callers in the mesh do not write it;
 * /metrics and /readyz only without, so that a load balancer never shows them to the world.
 */
final class Api implements HttpHandler {
    static final int MAX_BODY_BYTES = 16 * 1024;

    private static final String JSON = "application/json";
    private static final String PROBLEM = "application/problem+json";
    private static final String PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8";
    private static final Pattern REQUEST_ID = Pattern.compile("[A-Za-z0-9._-]{1,128}");
    private static final Pattern TRACE_PARENT = Pattern.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}");
    private static final Set<String> QUIET = Set.of("/healthz", "/readyz", "/metrics"); // probes would drown the rest of the log

    private record Answer(int status, String type, String body, Map<String, String> headers) {
        static Answer json(int status, Object body) {
            return new Answer(status, JSON, Json.write(body) + "\n", Map.of());
        }
    }

    private interface Handler {
        Answer handle(HttpExchange exchange, String requestId) throws IOException;
    }

    private final Config config;
    private final Quotes quotes;
    private final Metrics metrics;
    private final Log log;
    private final Supplier<Map<String, Object>> info;
    private final String openApi;
    private final Map<String, Map<String, Handler>> routes;
    private final AtomicInteger inFlight = new AtomicInteger();
    private volatile boolean draining;

    Api(Config config, Quotes quotes, Metrics metrics, Log log, Supplier<Map<String, Object>> info) throws IOException {
        this.config = config;
        this.quotes = quotes;
        this.metrics = metrics;
        this.log = log;
        this.info = info;
        this.openApi = resource("openapi.json");
        this.routes = routes();
        metrics.gauge("http_requests_in_flight", "Requests being answered.", inFlight::get);
    }

    private Map<String, Map<String, Handler>> routes() {
        Map<String, Map<String, Handler>> routes = new LinkedHashMap<>();
        Handler information = (exchange, id) -> Answer.json(200, info.get());
        routes.put("/", Map.of("GET", information));
        routes.put("/info", Map.of("GET", information));
        routes.put("/quotes", Map.of("GET", this::quoteOfQuery, "POST", this::quoteOfBody));
        routes.put("/ports", Map.of("GET", (exchange, id) -> Answer.json(200, Ports.names())));
        routes.put("/openapi.json", Map.of("GET", (exchange, id) -> new Answer(200, JSON, openApi, Map.of())));
        routes.put("/healthz", Map.of("GET", (exchange, id) -> Answer.json(200, Map.of("status", "ok"))));
        routes.put("/readyz", Map.of("GET", (exchange, id) -> ready()));
        routes.put("/metrics", Map.of("GET", (exchange, id) -> new Answer(200, PROMETHEUS, metrics.render(), Map.of())));
        return routes;
    }

    /** From now on not ready; what still comes is answered, on connections that close after it. */
    void drain() {
        draining = true;
    }

    int inFlight() {
        return inFlight.get();
    }

    private Answer ready() {
        return draining ? Answer.json(503, Map.of("status", "draining")) : Answer.json(200, Map.of("status", "ready"));
    }

    private Answer quoteOfQuery(HttpExchange exchange, String requestId) {
        return Answer.json(200, quotes.quote(QuoteRequest.fromQuery(query(exchange.getRequestURI().getRawQuery())), passOn(exchange, requestId)));
    }

    private Answer quoteOfBody(HttpExchange exchange, String requestId) throws IOException {
        String type = exchange.getRequestHeaders().getFirst("Content-Type");
        if (type == null || !type.toLowerCase(java.util.Locale.ROOT).split(";")[0].strip().equals(JSON)) {
            throw Problem.of(415, "Unsupported Media Type", "send the shipment as " + JSON);
        }
        try {
            QuoteRequest request = QuoteRequest.fromJson(Json.parse(body(exchange)));
            return Answer.json(200, quotes.quote(request, passOn(exchange, requestId)));
        } catch (Json.Malformed e) {
            throw Problem.of(400, "Bad Request", "the body is not JSON: " + e.getMessage());
        }
    }

    private static String body(HttpExchange exchange) throws IOException {
        InputStream stream = exchange.getRequestBody();
        byte[] bytes = stream.readNBytes(MAX_BODY_BYTES + 1);
        if (bytes.length > MAX_BODY_BYTES) {
            throw Problem.of(413, "Content Too Large", "a body may have at most " + MAX_BODY_BYTES + " bytes");
        }
        return new String(bytes, StandardCharsets.UTF_8);
    }

    private static Map<String, String> query(String raw) {
        Map<String, String> query = new TreeMap<>();
        if (raw == null || raw.isEmpty()) {
            return query;
        }
        for (String pair : raw.split("&")) {
            String[] parts = pair.split("=", 2);
            String name = decode(parts[0]);
            if (query.put(name, decode(parts.length == 2 ? parts[1] : "")) != null) {
                throw Problem.invalid(List.of(new Problem.Field(name, "is given twice")));
            }
        }
        return query;
    }

    private static String decode(String text) {
        try {
            return URLDecoder.decode(text, StandardCharsets.UTF_8);
        } catch (IllegalArgumentException e) {
            throw Problem.of(400, "Bad Request", "the query string has a broken % escape");
        }
    }

    private static Map<String, String> passOn(HttpExchange exchange, String requestId) {
        Map<String, String> headers = new LinkedHashMap<>();
        headers.put("X-Request-Id", requestId);
        String trace = exchange.getRequestHeaders().getFirst("traceparent");
        if (trace != null && TRACE_PARENT.matcher(trace).matches()) {
            headers.put("traceparent", trace);
        }
        return headers;
    }

    @Override
    public void handle(HttpExchange exchange) {
        long start = System.nanoTime();
        inFlight.incrementAndGet();
        String requestId = requestId(exchange);
        String route = route(exchange.getRequestURI().getRawPath());
        int status = 0;
        try {
            Answer answer = answer(exchange, route, requestId);
            status = answer.status();
            send(exchange, answer, requestId);
        } catch (IOException e) {
            log.info("client went away", Map.of("request_id", requestId, "error", String.valueOf(e.getMessage())));
        } finally {
            exchange.close();
            inFlight.decrementAndGet();
            record(exchange, route, status, requestId, System.nanoTime() - start);
        }
    }

    private Answer answer(HttpExchange exchange, String route, String requestId) throws IOException {
        try {
            return handler(exchange, route).handle(exchange, requestId);
        } catch (Problem problem) {
            return new Answer(problem.status(), PROBLEM, Json.write(problem.body(requestId)) + "\n", problem.headers());
        } catch (RuntimeException e) {
            StackTraceElement[] trace = e.getStackTrace();
            log.error("request failed", Map.of(
                    "request_id", requestId, "error", e.toString(), "at", trace.length == 0 ? "" : trace[0].toString()));
            Problem problem = Problem.of(500, "Internal Server Error", "the service made a mistake; its log has the request id");
            return new Answer(500, PROBLEM, Json.write(problem.body(requestId)) + "\n", Map.of());
        }
    }

    private Handler handler(HttpExchange exchange, String route) {
        Map<String, Handler> methods = routes.get(route);
        if (methods == null) {
            throw Problem.of(404, "Not Found", "there is no such resource; /openapi.json lists all");
        }
        String method = exchange.getRequestMethod();
        Handler handler = methods.get(method.equals("HEAD") ? "GET" : method);
        if (handler == null) {
            List<String> allowed = new ArrayList<>(methods.keySet());
            allowed.add("HEAD");
            allowed.sort(null);
            throw Problem.methodNotAllowed(String.join(", ", allowed));
        }
        return handler;
    }

    /** The key of the route table; "unknown" for what is not in it, so that strangers cannot grow the metrics. */
    private String route(String path) {
        if (path == null) {
            return "unknown";
        }
        if (routes.containsKey(path)) {
            return path;
        }
        String base = config.basePath();
        if (!base.isEmpty() && path.startsWith(base + "/")) {
            String inner = path.substring(base.length());
            return routes.containsKey(inner) && !inner.equals("/metrics") && !inner.equals("/readyz") ? inner : "unknown";
        }
        return "unknown";
    }

    private static String requestId(HttpExchange exchange) {
        String given = exchange.getRequestHeaders().getFirst("X-Request-Id");
        return given != null && REQUEST_ID.matcher(given).matches() ? given : UUID.randomUUID().toString();
    }

    private void send(HttpExchange exchange, Answer answer, String requestId) throws IOException {
        byte[] bytes = answer.body().getBytes(StandardCharsets.UTF_8);
        Headers headers = exchange.getResponseHeaders();
        headers.set("Content-Type", answer.type());
        headers.set("Cache-Control", "no-store");
        headers.set("X-Content-Type-Options", "nosniff");
        headers.set("X-Request-Id", requestId);
        answer.headers().forEach(headers::set);
        if (draining || answer.status() == 413) {
            headers.set("Connection", "close");
        }
        if (exchange.getRequestMethod().equals("HEAD")) {
            headers.set("Content-Length", Integer.toString(bytes.length));
            exchange.sendResponseHeaders(answer.status(), -1);
            return;
        }
        exchange.sendResponseHeaders(answer.status(), bytes.length);
        exchange.getResponseBody().write(bytes);
        exchange.getResponseBody().close();
    }

    private void record(HttpExchange exchange, String route, int status, String requestId, long nanos) {
        String method = metricsMethod(exchange.getRequestMethod());
        metrics.count("http_requests_total", "Requests answered.", "method", method, "route", route, "status", Integer.toString(status));
        metrics.observe("http_request_duration_seconds", "Time to answer.", nanos, "route", route);
        if (QUIET.contains(route) && status < 500) {
            return;
        }
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("request_id", requestId);
        fields.put("method", exchange.getRequestMethod());
        fields.put("path", exchange.getRequestURI().getRawPath());
        fields.put("status", status);
        fields.put("duration_ms", nanos / 1_000_000);
        log.info("request", fields);
    }

    private static String metricsMethod(String method) {
        return Set.of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS").contains(method) ? method : "other";
    }

    private static String resource(String name) throws IOException {
        try (InputStream stream = Api.class.getResourceAsStream(name)) {
            if (stream == null) {
                throw new IOException(name + " is not in the module");
            }
            return new String(stream.readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
