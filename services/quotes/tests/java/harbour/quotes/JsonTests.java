package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.fails;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

final class JsonTests {
    void numbersKeepEveryDigit() throws Exception {
        equal(new BigDecimal("0.1000000000000000055511151231257827"), Json.parse("0.1000000000000000055511151231257827"));
        equal("123456789012345678.90", Json.write(new BigDecimal("123456789012345678.90")));
    }

    void whatIsWrittenReadsBackTheSame() throws Exception {
        Random random = new Random(7);
        for (int i = 0; i < 2_000; i++) {
            Object value = value(random, 0);
            equal(value, Json.parse(Json.write(value)));
        }
    }

    private static Object value(Random random, int depth) {
        return switch (random.nextInt(depth > 4 ? 4 : 6)) {
            case 0 -> null;
            case 1 -> random.nextBoolean();
            case 2 -> new BigDecimal(random.nextLong()).movePointLeft(random.nextInt(12)).setScale(12);
            case 3 -> random.ints(random.nextInt(8), 0, 0x3000).filter(c -> !Character.isSurrogate((char) c))
                    .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            case 4 -> {
                List<Object> list = new ArrayList<>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    list.add(value(random, depth + 1));
                }
                yield list;
            }
            default -> {
                Map<String, Object> map = new LinkedHashMap<>();
                for (int i = random.nextInt(4); i > 0; i--) {
                    map.put("k" + i + "\"\\\n", value(random, depth + 1));
                }
                yield map;
            }
        };
    }

    void escapesAreReadAndControlCharactersWrittenAsEscapes() throws Exception {
        equal("a\"\\/\b\f\n\r\t\u00e9", Json.parse("\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\""));
        equal("\"\\u0000\\u001f\\u007f\\n\"", Json.write("\u0000\u001f\u007f\n"));
        equal("\"\\ud800x\"", Json.write("\ud800x"));
    }

    void whatIsNotJsonIsRefused() {
        for (String text : List.of("", " ", "{", "[1,]", "{\"a\":1,}", "{a:1}", "01", "-", "1.", ".5", "1e", "+1", "NaN", "tru", "\"a", "\"\\x\"",
                "\"\\u12g4\"", "\"a\nb\"", "1 2", "{\"a\":1 \"b\":2}", "[1 2]", "'a'", "\"\\", "nul", "{\"a\"}", "\u00a01")) {
            fails(Json.Malformed.class, () -> Json.parse(text));
        }
    }

    void duplicateKeysAreRefused() {
        fails(Json.Malformed.class, () -> Json.parse("{\"a\":1,\"a\":2}"));
    }

    void deepNestingIsRefusedBeforeTheStackOverflows() {
        fails(Json.Malformed.class, () -> Json.parse("[".repeat(100_000)));
        fails(Json.Malformed.class, () -> Json.parse("{\"a\":".repeat(100_000)));
    }

    void numbersThatWouldFillTheMemoryAreRefused() {
        for (String text : List.of("1e999999999", "1e99999999999999", "1e-999999999", "9".repeat(10_000))) {
            fails(Json.Malformed.class, () -> Json.parse(text));
        }
    }
}
