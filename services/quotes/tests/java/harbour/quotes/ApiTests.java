package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.that;

import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Executors;

/** Over a real socket, with tracking faked. */
final class ApiTests {
    private static final String QUERY = "/quotes?from=NLRTM&to=SGSIN&weight_kg=1200&volume_m3=8";

    private final Fakes fakes = new Fakes();
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();

    private interface Use {
        void with(Api api, String base) throws Exception;
    }

    private void served(Use use) throws Exception {
        Config config = Fakes.config("BASE_PATH", "/quotes");
        Log log = new Log(new PrintStream(out, false, StandardCharsets.UTF_8), "quotes");
        Api api = new Api(config, new Quotes(fakes.client(), fakes.metrics, Instant::now), fakes.metrics, log, () -> Map.of("service", "quotes"));
        HttpServer server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", api);
        server.start();
        try {
            use.with(api, "http://127.0.0.1:" + server.getAddress().getPort());
        } finally {
            server.stop(0);
        }
    }

    private static HttpResponse<String> send(String method, String url, String body, String... headers) throws Exception {
        try (HttpClient client = HttpClient.newHttpClient()) {
            HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(url)).method(
                    method, body == null ? BodyPublishers.noBody() : BodyPublishers.ofString(body));
            if (headers.length > 0) {
                request.headers(headers);
            }
            return client.send(request.build(), BodyHandlers.ofString());
        }
    }

    void theApiIsServedWithAndWithoutTheBasePath() throws Exception {
        served((api, base) -> {
            for (String path : List.of(QUERY, "/ports", "/info", "/openapi.json", "/healthz", "/")) {
                equal(200, send("GET", base + path, null).statusCode());
                equal(200, send("GET", base + "/quotes" + path, null).statusCode());
            }
        });
    }

    void metricsAndReadinessAreNotUnderTheBasePath() throws Exception {
        served((api, base) -> {
            for (String path : List.of("/metrics", "/readyz")) {
                equal(200, send("GET", base + path, null).statusCode());
                equal(404, send("GET", base + "/quotes" + path, null).statusCode());
            }
        });
    }

    void headAnswersAsGetWithoutABody() throws Exception {
        served((api, base) -> {
            HttpResponse<String> get = send("GET", base + "/ports", null);
            HttpResponse<String> head = send("HEAD", base + "/ports", null);
            equal(200, head.statusCode());
            equal("", head.body());
            equal(get.headers().firstValue("Content-Length"), head.headers().firstValue("Content-Length"));
        });
    }

    void otherMethodsAreRefusedWithWhatIsAllowed() throws Exception {
        served((api, base) -> {
            HttpResponse<String> quotes = send("DELETE", base + "/quotes", null);
            equal(405, quotes.statusCode());
            equal("GET, HEAD, POST", quotes.headers().firstValue("Allow").orElse(""));
            equal("GET, HEAD", send("POST", base + "/ports", "{}").headers().firstValue("Allow").orElse(""));
        });
    }

    void everyRefusalIsAProblemWithTheRequestId() throws Exception {
        served((api, base) -> {
            String json = "application/json";
            for (HttpResponse<String> response : List.of(
                    send("GET", base + "/nothing", null, "X-Request-Id", "r-1"),
                    send("GET", base + "/quotes", null, "X-Request-Id", "r-1"),
                    send("GET", base + "/quotes?from=%zz".replace("%zz", "%25&from=x"), null, "X-Request-Id", "r-1"),
                    send("POST", base + "/quotes", "{", "X-Request-Id", "r-1", "Content-Type", json),
                    send("POST", base + "/quotes", "{}", "X-Request-Id", "r-1"),
                    send("POST", base + "/quotes", "x".repeat(Api.MAX_BODY_BYTES + 1), "X-Request-Id", "r-1", "Content-Type", json))) {
                that(response.statusCode() >= 400 && response.statusCode() < 500, response.body());
                equal("application/problem+json", response.headers().firstValue("Content-Type").orElse(""));
                Map<?, ?> problem = (Map<?, ?>) Json.parse(response.body());
                equal("r-1", problem.get("request_id"));
                equal(Integer.toString(response.statusCode()), problem.get("status").toString());
            }
        });
    }

    void aBodyAboveTheLimitIsRefused() throws Exception {
        served((api, base) -> equal(413,
                send("POST", base + "/quotes", " ".repeat(Api.MAX_BODY_BYTES + 1), "Content-Type", "application/json").statusCode()));
    }

    void aUsableRequestIdIsKeptAndAnyOtherReplaced() throws Exception {
        served((api, base) -> {
            equal("abc-1.2", send("GET", base + "/ports", null, "X-Request-Id", "abc-1.2").headers().firstValue("X-Request-Id").get());
            that(!send("GET", base + "/ports", null, "X-Request-Id", "a\"b").headers().firstValue("X-Request-Id").get().contains("\""), "kept");
            that(send("GET", base + "/ports", null).headers().firstValue("X-Request-Id").isPresent(), "none made");
        });
    }

    void requestIdAndTraceArePassedOnToTracking() throws Exception {
        fakes.reply(Fakes.ok());
        String trace = "00-" + "a".repeat(32) + "-" + "b".repeat(16) + "-01";
        served((api, base) -> send("GET", base + QUERY + "&shipment=S1", null, "X-Request-Id", "r-9", "traceparent", trace));
        equal(Map.of("X-Request-Id", "r-9", "traceparent", trace), fakes.headers.get(0));
    }

    void anUnexpectedFailureIsAProblemThatTellsNothingInside() throws Exception {
        fakes.reply("not a reply: the fake throws ClassCastException");
        served((api, base) -> {
            HttpResponse<String> response = send("GET", base + QUERY + "&shipment=S1", null);
            equal(500, response.statusCode());
            that(!response.body().contains("Exception"), response.body());
        });
        that(out.toString(StandardCharsets.UTF_8).contains("ClassCastException"), "the log does not tell either");
    }

    void whileDrainingItIsNotReadyButStillAnswersAndClosesConnections() throws Exception {
        served((api, base) -> {
            api.drain();
            equal(503, send("GET", base + "/readyz", null).statusCode());
            equal(200, send("GET", base + "/healthz", null).statusCode());
            HttpResponse<String> quote = send("GET", base + QUERY, null);
            equal(200, quote.statusCode());
            equal("close", quote.headers().firstValue("Connection").orElse(""));
        });
    }

    void everyLogLineIsJsonWhateverTheClientSends() throws Exception {
        served((api, base) -> {
            send("GET", base + "/a%22%0a%7f", null);
            send("GET", base + QUERY, null);
        });
        // A line is written after its answer was sent, so the last one may be a moment behind.
        String[] lines = out.toString(StandardCharsets.UTF_8).split("\n");
        for (int tries = 0; tries < 250 && lines.length < 2; tries++) {
            Thread.sleep(20);
            lines = out.toString(StandardCharsets.UTF_8).split("\n");
        }
        equal(2, lines.length);
        for (String line : lines) {
            equal("request", ((Map<?, ?>) Json.parse(line)).get("message"));
        }
    }

    void strangersCannotGrowTheMetrics() throws Exception {
        served((api, base) -> {
            for (int i = 0; i < 20; i++) {
                send("GET", base + "/scan" + i, null);
            }
        });
        that(!fakes.metrics.render().contains("scan"), "a path of a stranger became a label");
    }

    void everyPathOfTheOpenApiDocumentIsServed() throws Exception {
        served((api, base) -> {
            Map<?, ?> document = (Map<?, ?>) Json.parse(send("GET", base + "/openapi.json", null).body());
            for (Object path : ((Map<?, ?>) document.get("paths")).keySet()) {
                that(send("GET", base + path, null).statusCode() != 404, path + " is not served");
            }
        });
    }

    void theOpenApiDocumentNamesEveryPort() throws Exception {
        served((api, base) -> {
            Map<?, ?> document = (Map<?, ?>) Json.parse(send("GET", base + "/openapi.json", null).body());
            Map<?, ?> schemas = (Map<?, ?>) ((Map<?, ?>) document.get("components")).get("schemas");
            equal(List.copyOf(Ports.names().keySet()), ((Map<?, ?>) schemas.get("Port")).get("enum"));
        });
    }
}
