package harbour.quotes;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;

/** What is to be priced: checked as a whole, so that a client hears of all its mistakes at once. */
record QuoteRequest(String from, String to, BigDecimal weightKg, BigDecimal volumeM3, Optional<String> shipment) {
    private static final Set<String> FIELDS = Set.of("from", "to", "weight_kg", "volume_m3", "shipment");
    private static final Pattern SHIPMENT_ID = Pattern.compile("[A-Za-z0-9][A-Za-z0-9_-]{0,63}");
    private static final Pattern DECIMAL = Pattern.compile("[0-9]{1,12}(\\.[0-9]{1,6})?");
    private static final BigDecimal MAX_WEIGHT_KG = new BigDecimal("100000000");
    private static final BigDecimal MAX_VOLUME_M3 = new BigDecimal("100000");
    private static final int MAX_DECIMALS = 3;

    /** From a query string: every value is text. */
    static QuoteRequest fromQuery(Map<String, String> query) {
        return new Reader(new TreeMap<>(query), true).read();
    }

    /** From a JSON body: numbers are numbers. */
    static QuoteRequest fromJson(Object body) {
        if (!(body instanceof Map<?, ?> members)) {
            throw Problem.of(400, "Bad Request", "the body must be a JSON object");
        }
        Map<String, Object> fields = new TreeMap<>();
        members.forEach((key, value) -> fields.put(key.toString(), value));
        return new Reader(fields, false).read();
    }

    private static final class Reader {
        private final Map<String, Object> fields;
        private final boolean numbersAreText;
        private final List<Problem.Field> errors = new ArrayList<>();

        Reader(Map<String, Object> fields, boolean numbersAreText) {
            this.fields = fields;
            this.numbersAreText = numbersAreText;
        }

        QuoteRequest read() {
            fields.keySet().stream().filter(name -> !FIELDS.contains(name)).forEach(
                    name -> wrong(name, "unknown; the fields are from, to, weight_kg, volume_m3, shipment"));
            String from = port("from");
            String to = port("to");
            if (from != null && from.equals(to)) {
                wrong("to", "must differ from \"from\"");
            }
            BigDecimal weight = amount("weight_kg", MAX_WEIGHT_KG);
            BigDecimal volume = amount("volume_m3", MAX_VOLUME_M3);
            Optional<String> shipment = shipment();
            if (!errors.isEmpty()) {
                throw Problem.invalid(errors);
            }
            return new QuoteRequest(from, to, weight, volume, shipment);
        }

        private String port(String name) {
            Object value = fields.get(name);
            if (value == null || value.equals("")) {
                return wrong(name, "is required: a UN/LOCODE such as NLRTM");
            }
            if (value instanceof String code && Ports.knows(code)) {
                return code;
            }
            return wrong(name, "is not a port of this line; known are " + Ports.codes());
        }

        private BigDecimal amount(String name, BigDecimal max) {
            Object value = fields.get(name);
            if (value == null || value.equals("")) {
                return wrong(name, "is required");
            }
            if (numbersAreText && value instanceof String text && DECIMAL.matcher(text).matches()) {
                value = new BigDecimal(text);
            }
            if (!(value instanceof BigDecimal number)) {
                return wrong(name, "must be a number such as 1200.5");
            }
            if (number.signum() <= 0 || number.compareTo(max) > 0) {
                return wrong(name, "must be above 0 and at most " + max.toPlainString());
            }
            if (number.stripTrailingZeros().scale() > MAX_DECIMALS) {
                return wrong(name, "has more than " + MAX_DECIMALS + " decimals");
            }
            return number;
        }

        private Optional<String> shipment() {
            Object value = fields.get("shipment");
            if (value == null || value.equals("")) {
                return Optional.empty();
            }
            if (value instanceof String id && SHIPMENT_ID.matcher(id).matches()) {
                return Optional.of(id);
            }
            wrong("shipment", "is not a shipment id: letters, digits, - and _, at most 64");
            return Optional.empty();
        }

        private <T> T wrong(String field, String message) {
            errors.add(new Problem.Field(field, message));
            return null;
        }
    }
}
