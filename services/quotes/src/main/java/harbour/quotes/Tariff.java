package harbour.quotes;

import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.List;

/**
 * The sample tariff: what a shipment costs. Money is whole cents; every line is rounded once, half up, and the total is the sum
 * of the lines, so that an invoice always adds up.
 */
final class Tariff {
    static final String CURRENCY = "EUR";

    private static final long DOCUMENTS_CENTS = 4_500;
    private static final BigDecimal FREIGHT_CENTS_PER_TONNE_KM = new BigDecimal("0.80");
    private static final BigDecimal HANDLING_CENTS_PER_TONNE_AND_PORT = new BigDecimal("1800");
    private static final BigDecimal BUNKER_SHARE = new BigDecimal("0.125");

    /** Weight or measure, the rule of sea freight: a cubic metre pays as much as a tonne. */
    private static final BigDecimal KG_PER_M3 = new BigDecimal("1000");

    record Line(String name, long cents) {}

    record Price(long distanceKm, BigDecimal chargeableKg, List<Line> lines) {
        long cents() {
            return lines.stream().mapToLong(Line::cents).sum();
        }
    }

    private Tariff() {}

    /** Both ports must be known; weight in kg and volume in m3 above zero. */
    static Price price(String from, String to, BigDecimal weightKg, BigDecimal volumeM3) {
        long km = Ports.distanceKm(from, to);
        BigDecimal chargeableKg = weightKg.max(volumeM3.multiply(KG_PER_M3)).setScale(0, RoundingMode.CEILING);
        BigDecimal tonnes = chargeableKg.movePointLeft(3);
        long freight = cents(tonnes.multiply(BigDecimal.valueOf(km)).multiply(FREIGHT_CENTS_PER_TONNE_KM));
        long handling = cents(tonnes.multiply(HANDLING_CENTS_PER_TONNE_AND_PORT).multiply(BigDecimal.TWO));
        long bunker = cents(BigDecimal.valueOf(freight).multiply(BUNKER_SHARE));
        return new Price(km, chargeableKg, List.of(
                new Line("documents", DOCUMENTS_CENTS),
                new Line("freight", freight),
                new Line("handling", handling),
                new Line("bunker", bunker)));
    }

    private static long cents(BigDecimal exact) {
        return exact.setScale(0, RoundingMode.HALF_UP).longValueExact();
    }

    /** 123456 cents as "1234.56": a decimal string, since a JSON number may be read as a float. */
    static String decimal(long cents) {
        return BigDecimal.valueOf(cents, 2).toPlainString();
    }
}
