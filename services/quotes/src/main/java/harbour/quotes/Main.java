package harbour.quotes;

import com.sun.net.httpserver.HttpServer;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;

/** Starts the service, and on SIGTERM ends it without losing a request. */
final class Main {
    static final String VERSION = "1.0.0";

    private static final int BACKLOG = 511;

    private Main() {}

    public static void main(String[] arguments) {
        PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);
        Config config;
        try {
            config = Config.from(System.getenv());
        } catch (Config.Invalid e) {
            System.err.println("quotes: " + e.getMessage());
            System.exit(2);
            return;
        }
        try {
            start(config, new Log(out, config.service()));
        } catch (IOException e) {
            System.err.println("quotes: PORT: cannot listen on " + config.port() + " (" + e.getMessage() + "); write a free one");
            System.exit(1);
        }
    }

    /** How the JDK's server treats connections; read by it once, when it is first used. */
    private static void tuneServer() {
        System.setProperty("sun.net.httpserver.nodelay", "true");
        // Longer than the 60 s of an Application Load Balancer, or it would meet connections that were just closed here.
        System.setProperty("sun.net.httpserver.idleInterval", "75");
        System.setProperty("sun.net.httpserver.maxIdleConnections", "1000");
        // Seconds in which a whole request must have come: a slow sender must not hold a connection for ever.
        System.setProperty("sun.net.httpserver.maxReqTime", "20");
        System.setProperty("jdk.httpserver.maxConnections", "2000");
    }

    private static void start(Config config, Log log) throws IOException {
        tuneServer();
        Metrics metrics = new Metrics();
        CircuitBreaker breaker = new CircuitBreaker(config.breakerFailures(), config.breakerOpen(), System::nanoTime);
        observe(metrics, breaker);
        TrackingClient.Transport transport = TrackingClient.overHttp(config.trackingTimeout());
        TrackingClient tracking = new TrackingClient(config, breaker, transport, metrics, Thread::sleep,
                () -> ThreadLocalRandom.current().nextDouble(), System::nanoTime);
        Instant startedAt = Instant.now();
        Api api = new Api(config, new Quotes(tracking, metrics, Instant::now), metrics, log, () -> info(config, breaker, startedAt));
        HttpServer server = HttpServer.create(new InetSocketAddress("0.0.0.0", config.port()), BACKLOG);
        server.setExecutor(Executors.newVirtualThreadPerTaskExecutor());
        server.createContext("/", api);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(server, api, config, log), "drain"));
        server.start();
        Map<String, Object> fields = new LinkedHashMap<>();
        fields.put("port", server.getAddress().getPort());
        fields.put("base_path", config.basePath());
        fields.put("tracking", config.tracking().isPresent() ? "configured" : "not configured: TRACKING_URL is not set");
        log.info("listening", fields);
        if (config.tracking().isPresent()) {
            Thread.ofVirtual().start(transport::prepare);
        }
    }

    /**
     * Not ready first, answering on for a moment while load balancers notice; then the door closes and what is in flight ends. Halts
     * with 0 itself, since a JVM that was ended by SIGTERM would say 143.
     */
    private static void stop(HttpServer server, Api api, Config config, Log log) {
        log.info("draining", Map.of("seconds", config.drain().toSeconds(), "in_flight", api.inFlight()));
        api.drain();
        pause(config.drain());
        // Waits for open exchanges at most this many seconds; the stop timeout of the platform is longer.
        server.stop(10);
        log.info("stopped", Map.of("in_flight", api.inFlight()));
        Runtime.getRuntime().halt(0);
    }

    private static void pause(Duration duration) {
        try {
            Thread.sleep(duration);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void observe(Metrics metrics, CircuitBreaker breaker) {
        for (CircuitBreaker.State state : CircuitBreaker.State.values()) {
            metrics.gauge("quotes_tracking_circuit_state", "1 for the state that the circuit to tracking is in.",
                    () -> breaker.state() == state ? 1 : 0, "state", name(state));
        }
        metrics.gauge("quotes_tracking_circuit_opened", "How often the circuit to tracking has opened.", breaker::timesOpened);
        Runtime runtime = Runtime.getRuntime();
        metrics.gauge("jvm_memory_used_bytes", "Heap in use.", () -> runtime.totalMemory() - runtime.freeMemory());
        metrics.gauge("jvm_memory_max_bytes", "Heap that may be used.", runtime::maxMemory);
    }

    private static Map<String, Object> info(Config config, CircuitBreaker breaker, Instant startedAt) {
        Map<String, Object> tracking = new LinkedHashMap<>();
        tracking.put("configured", config.tracking().isPresent());
        tracking.put("note", config.tracking().isPresent() ? null : "TRACKING_URL is not set: quotes for a shipment are degraded");
        tracking.put("circuit", name(breaker.state()));
        tracking.put("circuit_opened", breaker.timesOpened());
        tracking.put("timeout_ms", config.trackingTimeout().toMillis());
        tracking.put("retries", config.trackingRetries());
        Map<String, Object> info = new LinkedHashMap<>();
        info.put("service", config.service());
        info.put("version", VERSION);
        info.put("environment", config.environment());
        info.put("base_path", config.basePath());
        info.put("java", Runtime.version().toString());
        info.put("started_at", startedAt.toString());
        info.put("tracking", tracking);
        info.put("carrier_key_configured", config.carrierKeyConfigured());
        return info;
    }

    private static String name(CircuitBreaker.State state) {
        return state.name().toLowerCase(Locale.ROOT);
    }
}
