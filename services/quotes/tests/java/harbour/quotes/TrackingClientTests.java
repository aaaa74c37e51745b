package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.that;

import harbour.quotes.TrackingClient.Lookup;
import java.io.IOException;
import java.math.BigDecimal;
import java.net.ConnectException;
import java.net.URI;
import java.net.http.HttpTimeoutException;
import java.time.Duration;
import java.util.List;
import java.util.Map;

final class TrackingClientTests {
    private final Fakes fakes = new Fakes();

    private static Lookup.Away away(Lookup lookup) {
        that(lookup instanceof Lookup.Away, "expected tracking to be away, but " + lookup);
        return (Lookup.Away) lookup;
    }

    void aShipmentIsFoundAndTheRequestIdPassedOn() {
        Lookup lookup = fakes.reply(Fakes.ok()).client().find("S1", Map.of("X-Request-Id", "abc"));
        equal(new Lookup.Found(new TrackingClient.Shipment("S1", "in_transit", "DEHAM", new BigDecimal("18000"))), lookup);
        equal(List.of(URI.create("http://tracking:8080/shipments/S1")), fakes.calls);
        equal("abc", fakes.headers.get(0).get("X-Request-Id"));
    }

    void aMissingShipmentIsAnAnswerAndNotAFailure() {
        TrackingClient client = fakes.reply(Fakes.status(404)).client();
        for (int i = 0; i < 200; i++) {
            equal(new Lookup.Missing(), client.find("S1", Map.of()));
        }
        equal(200, fakes.calls.size());
        equal(CircuitBreaker.State.CLOSED, fakes.breaker.state());
    }

    void aPassingTroubleIsRetried() {
        Lookup lookup = fakes.reply(Fakes.status(503), new ConnectException(), Fakes.ok()).client().find("S1", Map.of());
        that(lookup instanceof Lookup.Found, "not found after retries");
        equal(3, fakes.calls.size());
    }

    void retriesAreBounded() {
        away(fakes.reply(new ConnectException()).client("TRACKING_RETRIES", "2").find("S1", Map.of()));
        equal(3, fakes.calls.size());
    }

    void pausesGrowAndAreSpreadByJitter() {
        TrackingClient client = fakes.client();
        equal(Duration.ofMillis(25), client.pause(0)); // half of 50 ms, since the fake's random number is a half
        equal(Duration.ofMillis(50), client.pause(1));
        equal(Duration.ofMillis(200), client.pause(9)); // half of the longest
    }

    void theWholeCallHasADeadline() {
        fakes.nanosPerCall = Duration.ofMillis(800).toNanos();
        away(fakes.reply(new HttpTimeoutException("")).client("TRACKING_TIMEOUT_MS", "800", "TRACKING_RETRIES", "5").find("S1", Map.of()));
        that(fakes.now <= Duration.ofMillis(1_700).toNanos(), "took " + fakes.now);
        that(fakes.timeouts.get(1).toMillis() < 800, "the second attempt may take what is left only");
    }

    void retriesStopWhenTheBudgetIsSpent() {
        TrackingClient client = fakes.reply(new ConnectException()).client();
        for (int i = 0; i < 90; i++) {
            away(client.find("S1", Map.of()));
        }
        int retries = fakes.calls.size() - 90;
        that(retries >= 10 && retries <= 20, retries + " retries for 90 calls");
    }

    void anOpenCircuitAnswersWithoutCalling() {
        fakes.breaker = new CircuitBreaker(2, Duration.ofSeconds(5), () -> fakes.now);
        TrackingClient client = fakes.reply(new ConnectException()).client();
        away(client.find("S1", Map.of()));
        int calls = fakes.calls.size();
        equal(2, calls);
        that(away(client.find("S1", Map.of())).reason().contains("circuit open"), "the reason is not told");
        equal(calls, fakes.calls.size());
    }

    void itRecoversByItselfWhenTrackingIsBack() {
        fakes.breaker = new CircuitBreaker(2, Duration.ofSeconds(5), () -> fakes.now);
        TrackingClient client = fakes.reply(new ConnectException(), new ConnectException(), Fakes.ok()).client();
        away(client.find("S1", Map.of()));
        fakes.now += Duration.ofSeconds(5).toNanos();
        that(client.find("S1", Map.of()) instanceof Lookup.Found, "not recovered");
        equal(CircuitBreaker.State.CLOSED, fakes.breaker.state());
    }

    void answersThatCannotBeReadCountAsAway() {
        for (String body : List.of("", "<html>", "[]", "{}", "{\"id\":1,\"status\":\"x\",\"location\":\"DEHAM\",\"weight_kg\":1}",
                "{\"id\":\"S1\",\"status\":\"x\",\"location\":\"DEHAM\",\"weight_kg\":0}")) {
            Fakes each = new Fakes().reply(new TrackingClient.Reply(200, body));
            away(each.client().find("S1", Map.of()));
        }
    }

    void everyOtherStatusCountsAsAway() {
        for (int status : List.of(201, 302, 400, 429, 500, 502, 503)) {
            away(new Fakes().reply(Fakes.status(status)).client().find("S1", Map.of()));
        }
    }

    void withoutAUrlNothingIsCalled() {
        that(away(fakes.client("TRACKING_URL", "").find("S1", Map.of())).reason().contains("TRACKING_URL"), "the reason is not told");
        equal(0, fakes.calls.size());
    }

    void reasonsTellNoAddresses() {
        Lookup.Away lookup = away(fakes.reply(new IOException("10.0.3.7:8080 refused")).client().find("S1", Map.of()));
        that(!lookup.reason().contains("10.0"), lookup.reason());
    }
}
