package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.that;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

final class TariffTests {
    private static BigDecimal number(String text) {
        return new BigDecimal(text);
    }

    void aKnownShipmentCostsWhatItAlwaysDid() {
        Tariff.Price price = Tariff.price("NLRTM", "SGSIN", number("18000"), number("33.2"));
        equal(14_079L, price.distanceKm());
        equal(number("33200"), price.chargeableKg());
        equal(List.of(
                new Tariff.Line("documents", 4_500),
                new Tariff.Line("freight", 373_938), // 33.2 t x 14079 km x 0.80 cents
                new Tariff.Line("handling", 119_520), // 33.2 t x 18.00 EUR x 2 ports
                new Tariff.Line("bunker", 46_742)), price.lines()); // 12.5 % of freight
        equal(544_700L, price.cents());
    }

    void theLinesAlwaysAddUpToTheTotal() {
        Random random = new Random(11);
        List<String> ports = new ArrayList<>(Ports.names().keySet());
        for (int i = 0; i < 2_000; i++) {
            String from = ports.get(random.nextInt(ports.size()));
            String to = ports.get(random.nextInt(ports.size()));
            Tariff.Price price = Tariff.price(from, to, BigDecimal.valueOf(1 + random.nextInt(100_000_000), 3), BigDecimal.valueOf(1 + random.nextInt(99_999), 3));
            equal(price.lines().stream().mapToLong(Tariff.Line::cents).sum(), price.cents());
            that(price.lines().stream().allMatch(line -> line.cents() >= 0), "a line below zero");
        }
    }

    void aCubicMetrePaysAsMuchAsATonne() {
        equal(Tariff.price("NLRTM", "SGSIN", number("1"), number("5")).cents(), Tariff.price("NLRTM", "SGSIN", number("5000"), number("0.1")).cents());
    }

    void moreWeightNeverCostsLess() {
        long before = 0;
        for (int kg = 1; kg < 100_000; kg += 97) {
            long cents = Tariff.price("DEHAM", "USNYC", BigDecimal.valueOf(kg), number("0.001")).cents();
            that(cents >= before, kg + " kg cost less than a lighter shipment");
            before = cents;
        }
    }

    void theHeaviestShipmentAllowedDoesNotOverflow() {
        that(Tariff.price("NLRTM", "AUSYD", number("100000000"), number("100000")).cents() > 0, "overflow");
    }

    void distanceIsTheSameBothWays() {
        for (String a : Ports.names().keySet()) {
            for (String b : Ports.names().keySet()) {
                equal(Ports.distanceKm(a, b), Ports.distanceKm(b, a));
            }
        }
    }

    void moneyIsWrittenWithTwoDecimals() {
        equal("0.05", Tariff.decimal(5));
        equal("1234.50", Tariff.decimal(123_450));
    }
}
