package harbour.quotes;

import java.io.IOException;
import java.math.BigDecimal;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.function.DoubleSupplier;
import java.util.function.LongSupplier;

/**
 * Asks tracking for a shipment and never lets its trouble become ours: a timeout an attempt and one for all, few retries with
 * jitter within a budget (GET only, so repeating is safe), and a circuit breaker. Whatever happens, the answer is a {@link Lookup}.
 */
final class TrackingClient {
    /** What tracking knows of a shipment, as far as a price depends on it. */
    record Shipment(String id, String status, String location, BigDecimal weightKg) {}

    sealed interface Lookup {
        record Found(Shipment shipment) implements Lookup {}

        record Missing() implements Lookup {}

        /** @param reason a sentence for the client: no addresses, no stack traces */
        record Away(String reason) implements Lookup {}
    }

    record Reply(int status, String body) {}

    /** One GET; the seam at which tests stand in for the network. */
    interface Transport {
        Reply get(URI uri, Map<String, String> headers, Duration timeout) throws IOException, InterruptedException;

        /** Does what the first call would have to wait for. */
        default void prepare() {}
    }

    interface Sleeper {
        void sleep(Duration pause) throws InterruptedException;
    }

    private static final Duration FIRST_PAUSE = Duration.ofMillis(50);
    private static final Duration LONGEST_PAUSE = Duration.ofMillis(400);
    private static final int MAX_REPLY_BYTES = 64 * 1024;

    private final Optional<URI> base;
    private final Duration timeout;
    private final int retries;
    private final CircuitBreaker breaker;
    private final Transport transport;
    private final Metrics metrics;
    private final Sleeper sleeper;
    private final DoubleSupplier random;
    private final LongSupplier nanoClock;
    private final RetryBudget budget = new RetryBudget();

    TrackingClient(Config config, CircuitBreaker breaker, Transport transport, Metrics metrics, Sleeper sleeper,
            DoubleSupplier random, LongSupplier nanoClock) {
        this.base = config.tracking();
        this.timeout = config.trackingTimeout();
        this.retries = config.trackingRetries();
        this.breaker = breaker;
        this.transport = transport;
        this.metrics = metrics;
        this.sleeper = sleeper;
        this.random = random;
        this.nanoClock = nanoClock;
    }

    /** @param headers passed on as they are (request id, trace) */
    Lookup find(String id, Map<String, String> headers) {
        if (base.isEmpty()) {
            return away("unset", "tracking is not configured (TRACKING_URL is not set)");
        }
        budget.earn();
        URI uri = URI.create(base.get() + "/shipments/" + id);
        long deadline = nanoClock.getAsLong() + timeout.multipliedBy(2).toNanos();
        for (int attempt = 0; ; attempt++) {
            if (!breaker.tryAcquire()) {
                return away("open", "tracking has been failing and is not asked for a moment (circuit open)");
            }
            Lookup lookup = attempt(uri, headers, deadline);
            if (!(lookup instanceof Lookup.Away) || !again(attempt, deadline)) {
                return lookup;
            }
        }
    }

    private boolean again(int attempt, long deadline) {
        Duration pause = pause(attempt);
        if (attempt >= retries || Thread.currentThread().isInterrupted()
                || nanoClock.getAsLong() + pause.toNanos() >= deadline || !budget.trySpend()) {
            return false;
        }
        try {
            sleeper.sleep(pause);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
        metrics.count("quotes_tracking_retries_total", "Calls to tracking that were repeated.");
        return true;
    }

    /** Full jitter: anything from nothing to the doubled pause, so that callers that failed together do not return together. */
    Duration pause(int attempt) {
        long ceiling = Math.min(LONGEST_PAUSE.toNanos(), FIRST_PAUSE.toNanos() << Math.min(attempt, 10));
        return Duration.ofNanos((long) (random.getAsDouble() * ceiling));
    }

    private Lookup attempt(URI uri, Map<String, String> headers, long deadline) {
        long left = Math.max(1_000_000, deadline - nanoClock.getAsLong());
        boolean healthy = false;
        try {
            Reply reply = transport.get(uri, headers, Duration.ofNanos(Math.min(left, timeout.toNanos())));
            Lookup lookup = read(reply);
            healthy = !(lookup instanceof Lookup.Away);
            return lookup;
        } catch (java.net.http.HttpTimeoutException e) {
            return away("timeout", "tracking did not answer in time");
        } catch (IOException e) {
            return away("unreachable", "tracking cannot be reached");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return away("interrupted", "the call to tracking was interrupted");
        } finally {
            if (healthy) {
                breaker.success();
            } else {
                breaker.failure();
            }
        }
    }

    private Lookup read(Reply reply) {
        if (reply.status() == 404) {
            outcome("missing");
            return new Lookup.Missing();
        }
        if (reply.status() != 200) {
            return away("status_" + reply.status(), "tracking answered " + reply.status());
        }
        try {
            if (Json.parse(reply.body()) instanceof Map<?, ?> body
                    && body.get("id") instanceof String id
                    && body.get("status") instanceof String status
                    && body.get("location") instanceof String location
                    && body.get("weight_kg") instanceof BigDecimal weight
                    && weight.signum() > 0) {
                outcome("found");
                return new Lookup.Found(new Shipment(id, status, location, weight));
            }
        } catch (Json.Malformed e) {
            // falls through: a broken answer and an unexpected one are the same to us
        }
        return away("unreadable", "tracking's answer could not be read");
    }

    private Lookup.Away away(String outcome, String reason) {
        outcome(outcome);
        return new Lookup.Away(reason);
    }

    private void outcome(String outcome) {
        metrics.count("quotes_tracking_calls_total", "Calls to tracking by outcome.", "outcome", outcome);
    }

    /** The JDK's client on virtual threads. Made on first use or by {@code prepare}: a start should not wait for it. */
    static Transport overHttp(Duration connectTimeout) {
        return new Transport() {
            private HttpClient client;

            private synchronized HttpClient client() {
                if (client == null) {
                    client = HttpClient.newBuilder()
                            .version(HttpClient.Version.HTTP_1_1)
                            .connectTimeout(connectTimeout)
                            .followRedirects(HttpClient.Redirect.NEVER)
                            .executor(Executors.newVirtualThreadPerTaskExecutor())
                            .build();
                }
                return client;
            }

            @Override
            public void prepare() {
                client();
            }

            @Override
            public Reply get(URI uri, Map<String, String> headers, Duration timeout) throws IOException, InterruptedException {
                HttpRequest.Builder request = HttpRequest.newBuilder(uri).timeout(timeout).header("Accept", "application/json");
                headers.forEach(request::header);
                // limiting: an answer that never ends must not fill the memory. The request's timeout covers the body too.
                HttpResponse<byte[]> response = client().send(
                        request.build(), HttpResponse.BodyHandlers.limiting(HttpResponse.BodyHandlers.ofByteArray(), MAX_REPLY_BYTES));
                return new Reply(response.statusCode(), new String(response.body(), StandardCharsets.UTF_8));
            }
        };
    }
}
