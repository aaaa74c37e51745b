package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.fails;
import static harbour.quotes.Check.that;

import java.math.BigDecimal;
import java.net.ConnectException;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;

final class QuotesTests {
    private final Fakes fakes = new Fakes();

    private Map<String, Object> quote(String to, String shipment) {
        Quotes quotes = new Quotes(fakes.client(), fakes.metrics, () -> Instant.parse("2026-03-01T10:00:00.7Z"));
        return quotes.quote(new QuoteRequest("NLRTM", to, new BigDecimal("1200"), new BigDecimal("8"), Optional.ofNullable(shipment)), Map.of());
    }

    void withoutAShipmentTrackingIsNotAsked() {
        Map<String, Object> quote = quote("SGSIN", null);
        equal(false, quote.get("degraded"));
        equal(null, quote.get("shipment"));
        equal(0, fakes.calls.size());
    }

    void aTrackedShipmentIsPricedByItsRecordedWeightAndPlace() {
        fakes.reply(Fakes.ok());
        Map<String, Object> quote = quote("SGSIN", "S1");
        equal("DEHAM", quote.get("from"));
        equal(new BigDecimal("18000"), quote.get("weight_kg"));
        equal(Map.of("id", "S1", "status", "in_transit", "location", "DEHAM"), quote.get("shipment"));
        equal(false, quote.get("degraded"));
    }

    void aShipmentThatIsThereAlreadyIsPricedAsAsked() {
        fakes.reply(Fakes.ok());
        equal("NLRTM", quote("DEHAM", "S1").get("from"));
    }

    void aShipmentInAPortTheTariffDoesNotKnowIsPricedAsAsked() {
        fakes.reply(new TrackingClient.Reply(200, Fakes.SHIPMENT.replace("DEHAM", "ISREY")));
        equal("NLRTM", quote("SGSIN", "S1").get("from"));
    }

    void whenTrackingIsAwayTheQuoteIsDegradedWithTheReasonAndThePriceOfTheRequest() {
        fakes.reply(new ConnectException());
        Map<String, Object> degraded = quote("SGSIN", "S1");
        equal(true, degraded.get("degraded"));
        that(degraded.get("degraded_reason") instanceof String reason && reason.contains("tracking"), "no reason");
        equal(quote("SGSIN", null).get("amount"), degraded.get("amount"));
    }

    void aShipmentThatDoesNotExistIsNotFound() {
        fakes.reply(Fakes.status(404));
        equal(404, fails(Problem.class, () -> quote("SGSIN", "S1")).status());
    }

    void amountsAgreeAndTimesAreWholeSecondsInUtc() {
        Map<String, Object> quote = quote("SGSIN", null);
        equal(new BigDecimal((String) quote.get("amount")).movePointRight(2).longValueExact(), quote.get("amount_minor"));
        equal("2026-03-01T10:00:00Z", quote.get("priced_at"));
        equal("2026-03-02T10:00:00Z", quote.get("valid_until"));
    }

    void quotesAreCountedByWhetherTheyAreDegraded() {
        fakes.reply(new ConnectException());
        quote("SGSIN", "S1");
        quote("SGSIN", null);
        that(fakes.metrics.render().contains("quotes_total{degraded=\"true\"} 1\n"), fakes.metrics.render());
        that(fakes.metrics.render().contains("quotes_total{degraded=\"false\"} 1\n"), fakes.metrics.render());
    }
}
