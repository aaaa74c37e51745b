package harbour.quotes;

import static harbour.quotes.Check.equal;
import static harbour.quotes.Check.fails;
import static harbour.quotes.Check.that;

import java.util.Map;

final class ConfigTests {
    void anEmptyEnvironmentIsEnough() {
        Config config = Config.from(Map.of());
        equal(8080, config.port());
        equal("", config.basePath());
        that(config.tracking().isEmpty(), "tracking from nowhere");
        that(!config.carrierKeyConfigured(), "a key from nowhere");
    }

    void slashesAtTheEndDoNotMatter() {
        Config config = Config.from(Map.of("BASE_PATH", "/quotes/", "TRACKING_URL", "http://tracking:8080/"));
        equal("/quotes", config.basePath());
        equal("http://tracking:8080", config.tracking().get().toString());
        equal("", Config.from(Map.of("BASE_PATH", "/")).basePath());
    }

    void aVariableThatCannotBeUsedIsNamedInOneLine() {
        for (var entry : Map.of("PORT", "eighty", "BASE_PATH", "quotes", "TRACKING_URL", "tracking:8080", "TRACKING_TIMEOUT_MS", "0",
                "TRACKING_RETRIES", "99", "BREAKER_FAILURES", "-1", "DRAIN_SECONDS", "1.5").entrySet()) {
            String message = fails(Config.Invalid.class, () -> Config.from(Map.of(entry.getKey(), entry.getValue()))).getMessage();
            that(message.startsWith(entry.getKey() + ": ") && message.contains("; write") && !message.contains("\n"), message);
        }
    }

    void theCarrierKeyItselfIsNotKept() {
        Config config = Config.from(Map.of("CARRIER_API_KEY", "s3cret"));
        that(config.carrierKeyConfigured(), "the key is not seen");
        that(!config.toString().contains("s3cret"), "the key can leak");
    }
}
