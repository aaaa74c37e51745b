package harbour.quotes;

import harbour.quotes.TrackingClient.Lookup;
import harbour.quotes.TrackingClient.Shipment;
import java.math.BigDecimal;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * Makes a quote of a request. For a shipment that is known to tracking, its recorded weight and where it is now replace what the
 * client said; when tracking is away the client's word is taken, and the quote says so ({@code degraded}).
 */
final class Quotes {
    private static final Duration VALID = Duration.ofHours(24);

    private final TrackingClient tracking;
    private final Metrics metrics;
    private final Supplier<Instant> clock;

    Quotes(TrackingClient tracking, Metrics metrics, Supplier<Instant> clock) {
        this.tracking = tracking;
        this.metrics = metrics;
        this.clock = clock;
    }

    /** @throws Problem 404 when tracking says that there is no such shipment */
    Map<String, Object> quote(QuoteRequest request, Map<String, String> passedOn) {
        if (request.shipment().isEmpty()) {
            return render(request, request.from(), request.weightKg(), null, null);
        }
        String id = request.shipment().get();
        return switch (tracking.find(id, passedOn)) {
            case Lookup.Found found -> render(request, start(request, found.shipment()), found.shipment().weightKg(), found.shipment(), null);
            case Lookup.Missing missing -> throw Problem.of(404, "Not Found", "tracking knows no shipment \"" + id + "\"");
            case Lookup.Away away -> render(request, request.from(), request.weightKg(), null, away.reason());
        };
    }

    /** A shipment that is on its way is priced from where it is, if the tariff knows that port and it has not arrived there. */
    private static String start(QuoteRequest request, Shipment shipment) {
        String here = shipment.location();
        return Ports.knows(here) && !here.equals(request.to()) ? here : request.from();
    }

    private Map<String, Object> render(QuoteRequest request, String from, BigDecimal weightKg, Shipment shipment, String degradedReason) {
        boolean degraded = degradedReason != null;
        metrics.count("quotes_total", "Quotes given.", "degraded", Boolean.toString(degraded));
        Tariff.Price price = Tariff.price(from, request.to(), weightKg, request.volumeM3());
        Instant now = clock.get().truncatedTo(ChronoUnit.SECONDS);
        Map<String, Object> quote = new LinkedHashMap<>();
        quote.put("from", from);
        quote.put("to", request.to());
        quote.put("weight_kg", weightKg);
        quote.put("volume_m3", request.volumeM3());
        quote.put("distance_km", price.distanceKm());
        quote.put("chargeable_kg", price.chargeableKg());
        quote.put("currency", Tariff.CURRENCY);
        quote.put("amount", Tariff.decimal(price.cents()));
        quote.put("amount_minor", price.cents());
        quote.put("lines", lines(price));
        quote.put("priced_at", now.toString());
        quote.put("valid_until", now.plus(VALID).toString());
        quote.put("shipment", shipment(request, shipment));
        quote.put("degraded", degraded);
        quote.put("degraded_reason", degradedReason);
        return quote;
    }

    private static List<Object> lines(Tariff.Price price) {
        List<Object> lines = new ArrayList<>();
        for (Tariff.Line line : price.lines()) {
            Map<String, Object> item = new LinkedHashMap<>();
            item.put("name", line.name());
            item.put("amount", Tariff.decimal(line.cents()));
            item.put("amount_minor", line.cents());
            lines.add(item);
        }
        return lines;
    }

    private static Object shipment(QuoteRequest request, Shipment shipment) {
        if (request.shipment().isEmpty()) {
            return null;
        }
        Map<String, Object> item = new LinkedHashMap<>();
        item.put("id", request.shipment().get());
        item.put("status", shipment == null ? null : shipment.status());
        item.put("location", shipment == null ? null : shipment.location());
        return item;
    }
}
