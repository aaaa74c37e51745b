package harbour.quotes;

import java.io.IOException;
import java.net.URI;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** Stands in for the network and the clock. */
final class Fakes implements TrackingClient.Transport {
    static final String SHIPMENT = "{\"id\":\"S1\",\"status\":\"in_transit\",\"location\":\"DEHAM\",\"weight_kg\":18000,\"version\":3}";

    final Deque<Object> replies = new ArrayDeque<>(); // a Reply, or an exception to throw; the last one stays
    final List<URI> calls = new ArrayList<>();
    final List<Map<String, String>> headers = new ArrayList<>();
    final List<Duration> timeouts = new ArrayList<>();
    final List<Duration> pauses = new ArrayList<>();
    final Metrics metrics = new Metrics();
    long now;
    long nanosPerCall;

    static TrackingClient.Reply ok() {
        return new TrackingClient.Reply(200, SHIPMENT);
    }

    static TrackingClient.Reply status(int status) {
        return new TrackingClient.Reply(status, "{}");
    }

    Fakes reply(Object... all) {
        replies.addAll(List.of(all));
        return this;
    }

    @Override
    public TrackingClient.Reply get(URI uri, Map<String, String> sent, Duration timeout) throws IOException {
        calls.add(uri);
        headers.add(sent);
        timeouts.add(timeout);
        now += nanosPerCall;
        Object reply = replies.size() > 1 ? replies.poll() : replies.peek();
        if (reply instanceof IOException e) {
            throw e;
        }
        return (TrackingClient.Reply) reply;
    }

    CircuitBreaker breaker = new CircuitBreaker(100, Duration.ofSeconds(5), () -> now);

    static Config config(String... pairs) {
        Map<String, String> env = new HashMap<>(Map.of("TRACKING_URL", "http://tracking:8080"));
        for (int i = 0; i < pairs.length; i += 2) {
            env.put(pairs[i], pairs[i + 1]);
        }
        return Config.from(env);
    }

    TrackingClient client(String... pairs) {
        return new TrackingClient(config(pairs), breaker, this, metrics, pause -> {
            pauses.add(pause);
            now += pause.toNanos();
        }, () -> 0.5, () -> now);
    }
}
